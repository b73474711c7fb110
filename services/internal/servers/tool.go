package servers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// tool returns the path of a server's binary and builds it from the tools module if it is missing or older than that module's
// go.sum. A lock keeps parallel test processes from building it twice.
func tool(ctx context.Context, name, pkg string) (string, error) {
	root, err := Repository()
	if err != nil {
		return "", err
	}
	bin := filepath.Join(root, ".cache", "bin", name)
	if err := os.MkdirAll(filepath.Dir(bin), 0o755); err != nil {
		return "", err
	}
	lock, err := os.OpenFile(bin+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", err
	}
	defer lock.Close() //nolint:errcheck // nothing was written to it
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return "", fmt.Errorf("locking %s: %w", lock.Name(), err)
	}
	tools := filepath.Join(root, "tools")
	if newer(bin, filepath.Join(tools, "go.sum")) {
		return bin, nil
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-C", tools, "-o", bin, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // as make does: no C compiler is needed
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w\n%s", name, err, out)
	}
	now := time.Now()
	return bin, os.Chtimes(bin, now, now)
}

// Repository finds the checkout by its tools module, from the working directory upwards.
func Repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "tools", "go.mod")); err == nil {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", errors.New("servers are built from the tools module of this repository, and " + dir + " is not inside a checkout")
		}
	}
}

func newer(a, b string) bool {
	ia, err1 := os.Stat(a)
	ib, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && ia.ModTime().After(ib.ModTime())
}
