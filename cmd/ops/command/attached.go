package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
)

// Attached is a program that takes over the terminal until it ends.
type Attached struct {
	Dir  string
	Name string
	Args []string
	Env  []string // NAME=value, besides this program's own environment; for what must not stand on a command line
}

// attach runs it. Ctrl-C is the program's alone: psql ends a query with it, and pulumi an update, in order.
func attach(ctx context.Context, p Attached) error {
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt) // or a second one would end this program, and leave the other one behind
	defer signal.Stop(interrupts)
	c := exec.CommandContext(context.WithoutCancel(ctx), p.Name, p.Args...)
	c.Dir, c.Stdin, c.Stdout, c.Stderr = p.Dir, os.Stdin, os.Stdout, os.Stderr
	c.Env = append(os.Environ(), p.Env...)
	err := c.Run()
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("%s %w", p.Name, ErrMissing)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", strings.Join(append([]string{p.Name}, p.Args...), " "), err)
	}
	return nil
}
