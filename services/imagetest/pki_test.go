//go:build images

package imagetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// pki is a certificate authority in the place of Amazon's, and the database's certificate. It stays from run to run, so that
// the backend's image does, too.
type pki struct{ ca, certificate, key []byte }

func makePKI(cache string) (*pki, error) {
	path := filepath.Join(cache, "certificates.pem")
	if text, err := os.ReadFile(path); err == nil {
		return parsePKI(text)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	now := time.Now()
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Authority of the image tests"}, NotBefore: now.Add(-time.Hour),
		NotAfter: now.AddDate(10, 0, 0), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	server := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "Database of the image tests"}, NotBefore: now.Add(-time.Hour),
		NotAfter: now.AddDate(10, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	ca, err := x509.CreateCertificate(rand.Reader, authority, authority, caKey.Public(), caKey)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.CreateCertificate(rand.Reader, server, authority, key.Public(), caKey)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	var text []byte
	for _, block := range []pem.Block{
		{Type: "CERTIFICATE", Bytes: ca}, {Type: "CERTIFICATE", Bytes: certificate}, {Type: "PRIVATE KEY", Bytes: private},
	} {
		text = append(text, pem.EncodeToMemory(&block)...)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return nil, err
	}
	return parsePKI(text)
}

func parsePKI(text []byte) (*pki, error) {
	var parts [3][]byte
	for i := range parts {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return nil, errors.New("the certificates of the image tests are not whole: remove .cache/images")
		}
		parts[i] = pem.EncodeToMemory(block)
	}
	return &pki{parts[0], parts[1], parts[2]}, nil
}
