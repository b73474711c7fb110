package cli

import (
	"os"

	"golang.org/x/sys/unix"
)

// quietKeys stops a terminal from showing ^C where the user presses it, in the middle of the bars, which would shift them and leave
// the remains of one. The returned function undoes it.
func quietKeys(f *os.File) (restore func()) {
	fd := int(f.Fd())
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return func() {}
	}
	quiet := *before
	quiet.Lflag &^= unix.ECHOCTL
	_ = unix.IoctlSetTermios(fd, unix.TCSETS, &quiet)
	return func() { _ = unix.IoctlSetTermios(fd, unix.TCSETS, before) }
}
