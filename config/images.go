package config

import (
	"strings"

	"scalable-backend/images"
)

// Images is the object under "images".
type Images struct {
	Backend, Agent    string
	RDSBundleChecksum string
}

func (i *Images) settings() []*setting {
	return []*setting{
		optional("images.backend", &i.Backend, "a digest URI in this stack's own repository", exampleImage("backend"), namesRepository).
			means("An image to deploy as it is; empty builds `services/backend.Dockerfile`. See [below](#images)."),
		optional("images.agent", &i.Agent, "a digest URI in this stack's own repository", exampleImage("agent"), namesRepository).
			means("An image to deploy as it is; empty builds `services/agent.Dockerfile`. See [below](#images)."),
		optional("images.rdsBundleChecksum", &i.RDSBundleChecksum, "sha256: and 64 hexadecimal digits",
			"sha256:"+strings.Repeat("0", 64), images.CheckChecksum).
			means("Pins the certificate authorities of Amazon RDS that are built into the backend's image: with another file at AWS's " +
				"address, the build fails. Empty takes what HTTPS delivers. See [the runbook](runbook.md#rds-ca-bundle)."),
	}
}
