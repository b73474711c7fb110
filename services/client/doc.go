// Package client calls the backend's API. API is what callers use: it authenticates, repeats calls that may be repeated, reads
// lists to their end and turns answers into errors. client.gen.go below it is generated from services/api/openapi.yaml.
package client
