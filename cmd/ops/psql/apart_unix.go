//go:build unix

package psql

import (
	"os/exec"
	"syscall"
)

// apart gives a program a process group of its own, so that the terminal's signals do not reach it.
func apart(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
