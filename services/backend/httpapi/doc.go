// Package httpapi serves the API over HTTP, at two doors: public for bearer tokens, and gateway for API Gateway.
//
// A request passes, in this order: the log and metrics around everything, the caller, its scopes, its rate, the size of its body,
// the check against the API's document, and the handler. Each refusal, and each error of a handler, becomes one problem+json
// answer. The page for people is here too.
//
// server.gen.go is generated from services/api/openapi.yaml.
package httpapi
