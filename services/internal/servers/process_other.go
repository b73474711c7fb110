//go:build !linux

package servers

import "syscall"

// dieWithParent cannot be had outside Linux: a killed test run may leave its servers behind there.
func dieWithParent(a *syscall.SysProcAttr) { a.Setpgid = true }
