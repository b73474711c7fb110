package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// publicDoor finds in a backend's log where its public door listens.
func publicDoor(log string) string {
	for line := range strings.Lines(log) {
		var entry struct{ Msg, Door, Addr string }
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "listening" && entry.Door == "public" {
			return "http://" + entry.Addr
		}
	}
	return ""
}

// agentEnv is the environment of our client, with the API that sends it to a place.
func (r *rig) agentEnv(place string) []string {
	return []string{
		"AGENT=" + filepath.Join(r.bin, "agent"), "AGENT_API_URL=" + r.apis[place], "AGENT_TOKEN=" + r.token,
		"AGENT_SOURCE_HOSTS=127.0.0.1,localhost",
		"AGENT_INSECURE_SOURCES=true", "HOME=" + r.disk, "XDG_CACHE_HOME=" + filepath.Join(r.disk, "cache"),
	}
}

// put makes count files of random bytes, and uploads them below a prefix.
func (r *rig) put(ctx context.Context, prefix string, count int, size int64) ([]file, error) {
	dir := filepath.Join(r.dir, "put")
	if err := os.MkdirAll(filepath.Join(dir, prefix), 0o700); err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // the rig's directory goes too
	for i := range count {
		if _, err := write(filepath.Join(dir, prefix, fmt.Sprintf("%05d", i)), size, uint64(i)<<20|uint64(size)); err != nil {
			return nil, err
		}
	}
	cmd := exec.CommandContext(ctx, filepath.Join(r.bin, "agent"), "upload", prefix, "--parallel", "8")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), r.agentEnv("s3")...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("uploading %s: %w: %s", prefix, err, bytes.TrimSpace(out[max(0, len(out)-1000):]))
	}
	return r.list(ctx, prefix+"/", count)
}

// list reads the files of a prefix from the catalogue, with the keys of their objects.
func (r *rig) list(ctx context.Context, prefix string, want int) (files []file, err error) {
	for path := "/v1/files?page_size=1000"; path != ""; {
		var page struct {
			Files []struct {
				ID, Name, SHA256 string
				Size             int64
			}
			NextPageToken string `json:"next_page_token"`
		}
		if _, err := r.call(ctx, path, &page); err != nil {
			return nil, err
		}
		for _, f := range page.Files {
			if strings.HasPrefix(f.Name, prefix) {
				files = append(files, file{Name: f.Name, Size: f.Size, SHA256: f.SHA256, ID: f.ID})
			}
		}
		path = ""
		if page.NextPageToken != "" {
			path = "/v1/files?page_size=1000&page_token=" + url.QueryEscape(page.NextPageToken)
		}
	}
	if len(files) != want {
		return nil, fmt.Errorf("the catalogue has %d files below %s, want %d", len(files), prefix, want)
	}
	for i := range files {
		location, err := r.call(ctx, "/v1/files/"+files[i].ID+"/content", nil)
		if err != nil {
			return nil, err
		}
		u, err := url.Parse(location)
		if err != nil {
			return nil, err
		}
		files[i].Key = strings.TrimPrefix(u.Path, "/"+bucket+"/")
	}
	return files, nil
}

// call reads an answer of the API, or its Location.
func (r *rig) call(ctx context.Context, path string, into any) (location string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.apis["s3"]+path, nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+r.token)
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	if answer.StatusCode >= http.StatusBadRequest {
		return "", fmt.Errorf("%s: %s", path, answer.Status)
	}
	if into != nil {
		err = json.NewDecoder(answer.Body).Decode(into)
	}
	return answer.Header.Get("Location"), err
}

// makeCertificate writes a certificate for localhost that is its own authority.
func makeCertificate(certificate, key string) error {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().AddDate(0, 0, 2), DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644),
		os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), 0o600),
	)
}
