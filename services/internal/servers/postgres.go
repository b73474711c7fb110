package servers

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// Postgres is a private PostgreSQL server.
type Postgres struct {
	dir      string
	bin      string
	port     int
	password string
	run      *syscall.Credential // nil unless this process is root: the server refuses to run as root
	mu       sync.Mutex
	process  *Process
	settings []string
}

// StartPostgres makes a cluster under dir, which must not exist yet, and starts a server on it.
func StartPostgres(ctx context.Context, dir string) (*Postgres, error) {
	return StartPostgresWith(ctx, dir)
}

// StartPostgresWith is StartPostgres with settings of the server, "name=value". fsync is off unless they say something else.
func StartPostgresWith(ctx context.Context, dir string, settings ...string) (*Postgres, error) {
	bin, err := postgresBin()
	if err != nil {
		return nil, err
	}
	run, err := unprivileged()
	if err != nil {
		return nil, err
	}
	p := &Postgres{dir: dir, bin: bin, run: run, password: rand.Text(), settings: settings}
	if err := p.init(ctx); err != nil {
		return nil, err
	}
	err = retryPorts(func(port int) error {
		p.port = port
		return p.Start(ctx)
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// URL is the address of a database of the server, as its superuser.
func (p *Postgres) URL(database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword("backend", p.password),
		Host:     "127.0.0.1:" + strconv.Itoa(p.port),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// CreateDatabase makes an empty database.
func (p *Postgres) CreateDatabase(ctx context.Context, name string) error {
	conn, err := pgx.Connect(ctx, p.URL("postgres"))
	if err != nil {
		return fmt.Errorf("connecting to the private PostgreSQL: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()); err != nil {
		return fmt.Errorf("creating database %s: %w", name, err)
	}
	return nil
}

// Start starts the server again after Stop, on the same port with the same data.
func (p *Postgres) Start(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	args := []string{
		"-D", p.data(),
		"-p", strconv.Itoa(p.port), "-h", "127.0.0.1",
		// No socket in the file system: its path may have 103 bytes on macOS, and the temporary directory there alone has 49.
		"-c", "unix_socket_directories=",
		// A private server of a test: losing it loses nothing. Restarts through Stop keep the data all the same.
		"-c", "fsync=off", "-c", "max_connections=200", "-c", "shared_buffers=64MB",
	}
	for _, s := range p.settings {
		args = append(args, "-c", s) // of two, the later one holds
	}
	cmd := exec.Command(filepath.Join(p.bin, "postgres"), args...)
	cmd.Dir = p.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.run}
	proc, err := StartProcess(cmd)
	if err != nil {
		return err
	}
	err = proc.Await(ctx, startLimit, func(ctx context.Context) error {
		conn, err := pgx.Connect(ctx, p.URL("postgres"))
		if err != nil {
			return err
		}
		return conn.Close(ctx)
	})
	if err != nil {
		proc.Stop(syscall.SIGQUIT, 5*time.Second)
		return err
	}
	p.process = proc
	return nil
}

// Stop ends the server and keeps its data. Open connections are cut ("fast shutdown").
func (p *Postgres) Stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.process != nil {
		p.process.Stop(syscall.SIGINT, time.Minute)
		p.process = nil
	}
}

// Remove ends the server and removes its data.
func (p *Postgres) Remove() error {
	p.Stop()
	return os.RemoveAll(p.dir)
}

func (p *Postgres) data() string { return filepath.Join(p.dir, "data") }

func (p *Postgres) init(ctx context.Context) error {
	if err := os.Mkdir(p.dir, 0o700); err != nil {
		return fmt.Errorf("making the server's directory: %w", err)
	}
	own := func(path string) error {
		if p.run == nil {
			return nil
		}
		return os.Chown(path, int(p.run.Uid), int(p.run.Gid))
	}
	secret := filepath.Join(p.dir, "password")
	if err := errors.Join(own(p.dir), writeSecret(secret, p.password+"\n", own)); err != nil {
		return fmt.Errorf("preparing the server's directory: %w", err)
	}
	cmd := exec.CommandContext(ctx, filepath.Join(p.bin, "initdb"), "-D", p.data(), "-U", "backend", "--pwfile", secret,
		"--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions")
	cmd.Dir = p.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.run}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return nil
}

// unprivileged returns the user as whom the server runs when this process is root, nil otherwise.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(err1, err2); err != nil {
			return nil, fmt.Errorf("user %s: %w", name, err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("PostgreSQL refuses to run as root, and there is no user postgres or nobody to run it as")
}

// postgresBin finds the directory of initdb and postgres, the newest version first. Debian keeps them off the PATH.
func postgresBin() (string, error) {
	var dirs []string
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin",
		"/usr/local/opt/postgresql@*/bin"} {
		found, _ := filepath.Glob(pattern)
		slices.Reverse(found)
		dirs = append(dirs, found...)
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		dirs = append(dirs, filepath.Dir(path))
	}
	for _, dir := range dirs {
		if executable(filepath.Join(dir, "initdb")) && executable(filepath.Join(dir, "postgres")) {
			return dir, nil
		}
	}
	hint := "install PostgreSQL 15 or later and put initdb and postgres on the PATH"
	if runtime.GOOS == "linux" {
		hint = "run `make setup`, or install your system's PostgreSQL 15 or later and put initdb and postgres on the PATH"
	}
	return "", fmt.Errorf("no PostgreSQL server found (initdb, postgres): %s", hint)
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}
