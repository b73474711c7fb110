package main

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"scalable-backend/services/internal/servers"
)

// startNginx serves the objects over HTTP and TLS.
func (r *rig) startNginx(ctx context.Context) error {
	bin, err := exec.LookPath("nginx")
	if err != nil {
		return err
	}
	certificate, key := filepath.Join(r.dir, "tls.crt"), filepath.Join(r.dir, "tls.key")
	if err := makeCertificate(certificate, key); err != nil {
		return err
	}
	if r.http, err = freeAddress(); err != nil {
		return err
	}
	if r.tls, err = freeAddress(); err != nil {
		return err
	}
	work := filepath.Join(r.dir, "nginx")
	if err := os.Mkdir(work, 0o711); err != nil {
		return err
	}
	text := nginxConfig
	for name, value := range map[string]string{
		"WORK": work, "ROOT": r.objects(), "HTTP": r.http, "TLS": r.tls, "CERTIFICATE": certificate, "KEY": key,
	} {
		text = strings.ReplaceAll(text, "{"+name+"}", value)
	}
	config := filepath.Join(work, "nginx.conf")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return err
	}
	process, err := servers.StartProcess(exec.Command(bin, "-c", config, "-p", work, "-e", filepath.Join(work, "error.log")))
	if err != nil {
		return err
	}
	r.stop = append(r.stop, func() { process.Stop(syscall.SIGTERM, 5*time.Second) })
	return process.Await(ctx, 10*time.Second, func(context.Context) error {
		conn, err := net.Dial("tcp", r.tls)
		if err == nil {
			err = conn.Close()
		}
		return err
	})
}

// nginxConfig serves files as S3 does, as far as a client that only reads can see.
const nginxConfig = `
daemon off;
user root;
worker_processes 2;
pid {WORK}/nginx.pid;
events { worker_connections 4096; }
http {
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;
  client_body_temp_path {WORK}; proxy_temp_path {WORK}; fastcgi_temp_path {WORK}; uwsgi_temp_path {WORK}; scgi_temp_path {WORK};
  server { listen {HTTP} backlog=1024; root {ROOT}; }
  server { listen {TLS} ssl backlog=1024; ssl_certificate {CERTIFICATE}; ssl_certificate_key {KEY}; root {ROOT}; }
}
`
