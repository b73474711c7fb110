// Package oracle holds one test: a randomized run of the whole system, with the programs as they are shipped but for the race
// detector. Jobs are numbered; agents are killed, paused past their leases, cut off and stopped, PostgreSQL and the backends
// are restarted; files are uploaded and deleted meanwhile, by a client that is killed in the middle. Then the queue drains, and what the
// database, the bucket and the agents' disks say is held against what was asked for.
//
// The seed decides what is done when. A run prints its seed, and is repeated with
//
//	go test ./oracle -args -seed=42 -for=10m
//
// or with ORACLE_SEED and ORACLE_FOR in the environment.
package oracle
