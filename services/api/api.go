// Package api is the contract between backend, agent and API Gateway: the OpenAPI document and the Go types generated from
// it. It imports only the standard library, so that anything may import it.
package api

import _ "embed"

//go:generate go tool -modfile=../../tools/go.mod oapi-codegen -config models.cfg.yaml openapi.yaml
//go:generate sh -c "cd ../backend/httpapi && go tool -modfile=../../../tools/go.mod oapi-codegen -config server.cfg.yaml ../../api/openapi.yaml"
//go:generate sh -c "cd ../client && go tool -modfile=../../tools/go.mod oapi-codegen -config client.cfg.yaml ../api/openapi.yaml"

// Document is openapi.yaml.
//
//go:embed openapi.yaml
var Document []byte
