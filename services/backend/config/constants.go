package config

import "time"

// What the infrastructure around the backend has to know of it. The program that deploys it imports these names, so each value
// is written once.
const (
	// PublicPort is the port behind the public load balancer, GatewayPort the one behind API Gateway: the defaults of
	// Config.PublicAddr and Config.GatewayAddr.
	PublicPort  = 8080
	GatewayPort = 8081
	// HealthPath answers 200 on both ports while the process runs, with or without a database. On GatewayPort only requests
	// without CallerHeader get that answer: API Gateway sets the header, a load balancer's health check does not.
	HealthPath = "/healthz"
	// CallerHeader holds the ARN of the IAM identity that signed a request. API Gateway sets it, over whatever a client sends.
	CallerHeader = "X-Gateway-Caller"
	// DefaultStage is the default of Config.Stage.
	DefaultStage = "live"
	// DefaultDatabaseMaxConns is the default of Config.DatabaseMaxConns.
	DefaultDatabaseMaxConns = 20
	// DefaultDatabaseCAFile is the default of Config.DatabaseCAFile; the image has the file there.
	DefaultDatabaseCAFile = "/etc/ssl/rds/global-bundle.pem"
)

// Limits of a request. Each is longer than the one before it, with API Gateway's 29 s between RequestTimeout and WriteTimeout.
const (
	// RequestTimeout bounds the work on a request, a long poll included.
	RequestTimeout = 28 * time.Second
	// ReadTimeout bounds the reading of a whole request, ReadHeaderTimeout that of its headers.
	ReadTimeout       = 30 * time.Second
	ReadHeaderTimeout = 10 * time.Second
	// WriteTimeout is the time from the end of a request's headers to the end of its answer: no request outlives it.
	WriteTimeout = 60 * time.Second
	// IdleTimeout closes a connection on which no request comes. It is above the load balancer's 60 s, so that the load balancer
	// closes first and never sends a request into a connection that is being closed.
	IdleTimeout = 75 * time.Second
	// MaxHeaderBytes bounds a request's headers, MaxBodyBytes its body; the latter is API Gateway's own limit.
	MaxHeaderBytes = 64 << 10
	MaxBodyBytes   = 10 << 20
)

// How long the backend goes on after SIGTERM.
const (
	// DefaultDrainTimeout is the default of Config.DrainTimeout.
	DefaultDrainTimeout = 45 * time.Second
	// MaxLinger bounds how long the ports stay open once draining has begun: a quarter of DrainTimeout, and no longer than this.
	MaxLinger = 5 * time.Second
)
