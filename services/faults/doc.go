// Package faults holds the tests in which whole processes fail: the real programs, built with the race detector, against real
// servers, with a proxy that breaks connections in between. It also holds the table of all faults that the services survive,
// with the test that shows it for each: docs/faults.md.
package faults
