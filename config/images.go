package config

// Images is the object under "images".
type Images struct{ Backend, Agent string }

func (i *Images) settings() []*setting {
	return []*setting{
		optional("images.backend", &i.Backend, "a digest URI in this stack's own repository", exampleImage("backend"), namesRepository).
			means("An image to deploy as it is; empty builds `services/backend.Dockerfile`. See [below](#images)."),
		optional("images.agent", &i.Agent, "a digest URI in this stack's own repository", exampleImage("agent"), namesRepository).
			means("An image to deploy as it is; empty builds `services/agent.Dockerfile`. See [below](#images)."),
	}
}
