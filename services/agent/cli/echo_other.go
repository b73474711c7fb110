//go:build !linux

package cli

import "os"

// quietKeys does nothing here: a ^C that the terminal shows may shift a bar.
func quietKeys(*os.File) (restore func()) { return func() {} }
