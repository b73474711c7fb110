package main

import (
	"os"
	"testing"
)

// TestMain lets the program of these tests be built the same in every directory, so that Go's cache has it already.
func TestMain(m *testing.M) {
	os.Setenv("GOFLAGS", os.Getenv("GOFLAGS")+" -trimpath") //nolint:errcheck // the name is right
	os.Exit(m.Run())
}
