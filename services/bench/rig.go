package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"scalable-backend/services/internal/servers"
)

const bucket = "files"

// rig is what all rows run on: an S3 server and nginx over the same files in memory, PostgreSQL on the disk, and a backend for each
// place that presigned URLs may lead to.
type rig struct {
	dir, disk string // in memory, if the machine has such a file system; on the disk
	bin       string // our programs
	self      string // this program
	postgres  *servers.Postgres
	s3        *servers.S3
	shaper    *shaper // before nginx
	direct    *shaper // as fast as it goes: it only notes when the first byte went by
	http, tls string  // host:port of nginx
	token     string
	apis      map[string]string // base URL of the backend whose presigned URLs lead to "s3", "http", "tls", "shaped" or "direct"
	databases int               // that newDatabase has made
	there     *load             // whose files are there
	loads     int               // that were put
	stop      []func()
}

// newRig starts everything. Whatever happens, close has to be called.
func newRig(ctx context.Context, bin string) (r *rig, err error) {
	r = &rig{bin: bin, token: "bench-" + rand.Text()}
	if r.self, err = os.Executable(); err != nil {
		return r, err
	}
	memory := "/dev/shm"
	if _, err := os.Stat(memory); err != nil {
		memory = "" // the temporary directory
	}
	for _, d := range []struct {
		at *string
		in string
	}{{&r.dir, memory}, {&r.disk, ""}} {
		if *d.at, err = os.MkdirTemp(d.in, "bench-"); err != nil {
			return r, err
		}
		if err = os.Chmod(*d.at, 0o711); err != nil { // PostgreSQL may run as another user
			return r, err
		}
	}
	if err = r.startPostgres(ctx); err != nil {
		return r, err
	}
	if r.s3, err = servers.StartS3(ctx, filepath.Join(r.dir, "s3")); err != nil {
		return r, err
	}
	if err = r.s3.CreateBucket(ctx, bucket); err != nil {
		return r, err
	}
	if err = r.startNginx(ctx); err != nil {
		return r, err
	}
	if r.shaper, err = newShaper(r.http, shapedRate, shapedDelay); err != nil {
		return r, err
	}
	if r.direct, err = newShaper(r.http, 0, 0); err != nil {
		return r, err
	}
	if err = r.postgres.CreateDatabase(ctx, "backend"); err != nil {
		return r, err
	}
	r.apis = map[string]string{}
	for name, endpoint := range map[string]string{
		"s3": r.s3.Endpoint, "http": "http://" + r.http, "tls": "https://" + r.tls, "shaped": "http://" + r.shaper.Addr,
		"direct": "http://" + r.direct.Addr,
	} {
		if r.apis[name], err = r.startBackend(ctx, endpoint, "backend"); err != nil {
			return r, err
		}
	}
	return r, nil
}

// close ends all that was started and removes all files.
func (r *rig) close() error {
	for i := len(r.stop) - 1; i >= 0; i-- {
		r.stop[i]()
	}
	var errs []error
	if r.s3 != nil {
		errs = append(errs, r.s3.Remove())
	}
	if r.postgres != nil {
		errs = append(errs, r.postgres.Remove())
	}
	for _, dir := range []string{r.dir, r.disk} {
		if dir != "" {
			errs = append(errs, os.RemoveAll(dir))
		}
	}
	return errors.Join(errs...)
}

// startPostgres starts a server like an RDS instance: a commit is on the disk before it is answered. Its log is for sessions that ask
// for it. Further settings win.
func (r *rig) startPostgres(ctx context.Context, settings ...string) (err error) {
	r.postgres, err = servers.StartPostgresWith(ctx, filepath.Join(r.disk, "postgres"), append([]string{
		"fsync=on", "shared_buffers=256MB", "max_wal_size=2GB",
		"logging_collector=on", "log_destination=jsonlog", "log_directory=log", "log_filename=server",
	}, settings...)...)
	return err
}

// newDatabase makes an empty database, and returns its name.
func (r *rig) newDatabase(ctx context.Context) (string, error) {
	r.databases++
	name := fmt.Sprintf("bench_%d", r.databases)
	return name, r.postgres.CreateDatabase(ctx, name)
}

// dropDatabase removes one, so that the next row has the disk to itself.
func (r *rig) dropDatabase(ctx context.Context, name string) error {
	conn, err := pgx.Connect(ctx, r.postgres.URL("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for _, sql := range []string{`DROP DATABASE ` + pgx.Identifier{name}.Sanitize() + ` WITH (FORCE)`, `CHECKPOINT`} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// postgresLog is what the database server has logged, in its JSON format.
func (r *rig) postgresLog() string {
	return filepath.Join(r.disk, "postgres", "data", "log", "server.json")
}

// objects is where the S3 server keeps the bucket's objects, each as a file of its key.
func (r *rig) objects() string { return filepath.Join(r.dir, "s3", "objects") }

// backendEnv is the environment of a backend on a database, whose presigned URLs lead to endpoint.
func (r *rig) backendEnv(endpoint, database string) []string {
	return []string{
		"BACKEND_PUBLIC_ADDR=127.0.0.1:0", "BACKEND_GATEWAY_ADDR=127.0.0.1:0", "BACKEND_STACK=bench", "BACKEND_STAGE=live",
		"BACKEND_BUCKET=" + bucket, "BACKEND_S3_ENDPOINT=" + endpoint, "BACKEND_DATABASE_URL=" + r.postgres.URL(database),
		"BACKEND_ADMIN_TOKEN=" + r.token, "BACKEND_DRAIN_TIMEOUT=0s", "BACKEND_RATE_LIMIT=1000000", "BACKEND_BUCKET_SWEEP_INTERVAL=0",
		"AWS_REGION=" + r.s3.Region,
		"AWS_ACCESS_KEY_ID=" + r.s3.AccessKey, "AWS_SECRET_ACCESS_KEY=" + r.s3.SecretKey,
	}
}

// startBackend starts a backend, and returns the URL of its public door once it is ready.
func (r *rig) startBackend(ctx context.Context, endpoint, database string) (string, error) {
	b, err := r.newBackend(ctx, endpoint, database)
	if b == nil {
		return "", err
	}
	r.stop = append(r.stop, func() { b.process.Stop(syscall.SIGTERM, 5*time.Second) })
	return b.url, err
}

// backendProcess is a backend that runs.
type backendProcess struct {
	url     string // of its public door
	pid     int
	process *servers.Process
}

// newBackend is startBackend for a backend that the caller stops: whenever one is returned, with an error or without.
func (r *rig) newBackend(ctx context.Context, endpoint, database string) (b *backendProcess, err error) {
	log, err := os.CreateTemp(r.disk, "backend-*.log")
	if err != nil {
		return nil, err
	}
	defer log.Close() //nolint:errcheck // the child has its own
	cmd := exec.Command(filepath.Join(r.bin, "backend"))
	cmd.Env = append(os.Environ(), r.backendEnv(endpoint, database)...)
	cmd.Stdout, cmd.Stderr = log, log
	process, err := servers.StartProcess(cmd)
	if err != nil {
		return nil, err
	}
	b = &backendProcess{pid: cmd.Process.Pid, process: process}
	err = process.Await(ctx, 30*time.Second, func(context.Context) error {
		text, err := os.ReadFile(log.Name())
		if err != nil {
			return err
		}
		b.url = publicDoor(string(text))
		if b.url == "" {
			return errors.New("it has not said where it listens")
		}
		answer, err := http.Get(b.url + "/readyz")
		if err != nil {
			return err
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return errors.New(answer.Status)
		}
		return nil
	})
	return b, err
}

func freeAddress() (string, error) {
	l, err := servers.Listen("127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// file is one file of the catalogue.
type file struct {
	Name   string
	Size   int64
	SHA256 string // in hex
	ID     string
	Key    string // of its object
}

// write makes a file of random bytes, and returns its digest.
func write(path string, size int64, seed uint64) (digest string, err error) {
	f, err := os.Create(path)
	if err != nil {
		return "", err
	}
	var key [32]byte
	for i := range key {
		key[i] = byte(seed >> (8 * (i % 8)))
	}
	sum := sha256.New()
	_, err = io.CopyN(io.MultiWriter(f, sum), mathrand.NewChaCha8(key), size)
	if err := errors.Join(err, f.Close()); err != nil {
		return "", fmt.Errorf("writing %s: %w", path, err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
