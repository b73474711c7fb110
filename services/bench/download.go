package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// load is a set of files to download.
type load struct {
	Name  string // also the prefix of the files' names
	Count int
	Size  int64
	Files []file // once it is there: see put
}

func (l *load) title() string { return fmt.Sprintf("download %d × %s", l.Count, bytesText(l.Size)) }

func (l load) bytes() (n int64) {
	for _, f := range l.Files {
		n += f.Size
	}
	return n
}

// transfer is a row about bytes: the peers' figures, and how many bytes each of them moved.
type transfer struct {
	Title   string
	Bytes   int64
	Results []result
}

// origin is where the peers take the bytes from: the same server for all, the agent is sent there by its API.
type origin struct {
	Place string // see rig.apis
	Base  string // URL of the bucket
	Fault fault  // of one of its connections
}

// origins are the places to download from.
func (r *rig) origins() map[string]origin {
	return map[string]origin{
		"http":    {"http", "http://" + r.http + "/" + bucket, none},
		"tls":     {"tls", "https://" + r.tls + "/" + bucket, none},
		"shaped":  {"shaped", "http://" + r.shaper.Addr + "/" + bucket, none},
		"stalled": {"shaped", "http://" + r.shaper.Addr + "/" + bucket, stalled},
		"slow":    {"shaped", "http://" + r.shaper.Addr + "/" + bucket, slow},
	}
}

// download lets all peers download and verify a load, the others than ours within a limit if it is not 0.
func (r *rig) download(ctx context.Context, title string, l load, o origin, rounds int, limit time.Duration) (transfer, error) {
	lists := filepath.Join(r.dir, "lists")
	if err := r.writeLists(lists, l, o); err != nil {
		return transfer{}, err
	}
	peers := r.downloaders(l, o, lists)
	for i := range peers {
		if !peers[i].Ours { // that has to finish, however long it takes
			peers[i].Limit = limit
		}
	}
	results, err := inTurn(ctx, filepath.Join(r.dir, "out"), peers, rounds, func(int, peer) error {
		r.shaper.reset(o.Fault)
		return nil
	})
	return transfer{title, l.bytes(), results}, err
}

// downloaders are the peers of a load: each takes what it needs from the environment.
func (r *rig) downloaders(l load, o origin, lists string) []peer {
	certificate := filepath.Join(r.dir, "tls.crt")
	env := []string{
		"CA=" + certificate, "SSL_CERT_FILE=" + certificate, "CURL_CA_BUNDLE=" + certificate, "RCLONE_CA_CERT=" + certificate,
		"LOAD=" + path.Dir(l.Files[0].Name) + "/", "LISTS=" + lists,
		"RCLONE=" + filepath.Join(r.bin, "rclone"), "BENCH=" + r.self, "RCLONE_CONFIG=" + filepath.Join(lists, "rclone.conf"),
		"AWS_ACCESS_KEY_ID=" + r.s3.AccessKey, "AWS_SECRET_ACCESS_KEY=" + r.s3.SecretKey, "AWS_REGION=" + r.s3.Region,
		"AWS_ENDPOINT_URL=" + strings.TrimSuffix(o.Base, "/"+bucket),
	}
	peers := []peer{{
		Name: "agent fetch", Ours: true, Shell: `"$AGENT" fetch --json "$LOAD" > /dev/null`, Env: append(r.agentEnv(o.Place), env...),
		Check: l.named,
	}}
	others := ofMany
	if len(l.Files) == 1 {
		others = ofOne
	}
	for _, p := range others {
		p.Env = env
		peers = append(peers, p)
	}
	return peers
}

// ofOne and ofMany are the other peers of one file and of many.
var (
	ofOne = []peer{
		{Name: "curl, then sha256sum", Shell: `curl -sSf -o out "$(cat "$LISTS/urls")" && sha256sum -c --quiet "$LISTS/sums"`},
		{
			Name:  "curl through openssl",
			Shell: `curl -sSf "$(cat "$LISTS/urls")" | tee out | openssl dgst -sha256 -r | cut -c1-64 | cmp - "$LISTS/digest"`,
		},
		{Name: "aria2, 16 connections", Shell: `aria2c -q -x16 -s16 -k1M --file-allocation=none --ca-certificate="$CA" -i "$LISTS/aria2"`},
		{
			Name:  "rclone, then sha256sum",
			Shell: `"$RCLONE" copyto "web:$(cat "$LISTS/keys")" out --multi-thread-streams 16 && sha256sum -c --quiet "$LISTS/sums"`,
		},
		{Name: "SDK's transfermanager, then SHA-256", Shell: `"$BENCH" peer get "$LISTS/get"`},
	}
	ofMany = []peer{
		{
			Name:  "curl, then sha256sum",
			Shell: `curl -sSf --parallel --parallel-max 16 -K "$LISTS/curl" && sha256sum -c --quiet "$LISTS/sums"`,
		},
		{Name: "aria2, 16 files", Shell: `aria2c -q -j16 -x16 --file-allocation=none --ca-certificate="$CA" -i "$LISTS/aria2"`},
		{
			Name: "rclone, then sha256sum",
			Shell: `"$RCLONE" copy web: . --files-from "$LISTS/keys" --no-traverse --transfers 16 --checkers 16 && ` +
				`sha256sum -c --quiet "$LISTS/keysums"`,
		},
		{Name: "SDK's transfermanager, then SHA-256", Shell: `"$BENCH" peer get "$LISTS/get"`},
	}
)

// writeLists writes what the peers read: names, keys, URLs and digests in the form of each.
func (r *rig) writeLists(dir string, l load, o origin) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	lists := map[string]*strings.Builder{}
	add := func(name, format string, values ...any) {
		if lists[name] == nil {
			lists[name] = &strings.Builder{}
		}
		fmt.Fprintf(lists[name], format, values...)
	}
	for i, f := range l.Files {
		out := "out"
		if len(l.Files) > 1 {
			out = fmt.Sprintf("%05d", i)
		}
		add("keys", "%s\n", f.Key)
		add("urls", "%s/%s\n", o.Base, f.Key)
		add("sums", "%s  %s\n", f.SHA256, out)
		add("keysums", "%s  %s\n", f.SHA256, f.Key)
		add("digest", "%s\n", f.SHA256)
		add("curl", "url = \"%s/%s\"\noutput = \"%s\"\n", o.Base, f.Key, out)
		add("aria2", "%s/%s\n  out=%s\n  checksum=sha-256=%s\n", o.Base, f.Key, out, f.SHA256)
		add("get", "%s %s %s %s\n", bucket, f.Key, f.SHA256, out)
	}
	add("rclone.conf", "[web]\ntype = http\nurl = %s/\n", o.Base)
	var errs []error
	for name, text := range lists {
		errs = append(errs, os.WriteFile(filepath.Join(dir, name), []byte(text.String()), 0o600))
	}
	return errors.Join(errs...)
}

// named fails unless each file of the load is in a directory, below its name, with the right bytes.
func (l load) named(dir string) error {
	for _, f := range l.Files {
		at := filepath.Join(dir, f.Name)
		if digest, err := digestOf(at); err != nil || digest != f.SHA256 {
			return fmt.Errorf("%s: its digest is %s, want %s (%w)", at, digest, f.SHA256, err)
		}
	}
	return nil
}

func digestOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // it was only read
	sum := sha256.New()
	_, err = io.Copy(sum, f)
	return hex.EncodeToString(sum.Sum(nil)), err
}
