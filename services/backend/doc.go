// Package backend is the domain: files, uploads, jobs, leases and tokens, and what a store and an object store must do for
// them. It knows neither HTTP nor SQL nor S3; the packages below it are the adapters.
package backend
