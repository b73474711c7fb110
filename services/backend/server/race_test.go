//go:build race

package server_test

// The race detector makes a request many times as expensive, and 1,000 agents a test of the machine.
func init() { *loadAgents = 200 }
