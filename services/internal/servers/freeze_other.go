//go:build !linux

package servers

import "errors"

// Freeze is for Linux alone: the children of a server are found in /proc.
func (p *Postgres) Freeze() error { return errors.New("freezing a server needs Linux") }

// Thaw undoes Freeze.
func (p *Postgres) Thaw() error { return errors.New("freezing a server needs Linux") }
