package system

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/images"
)

// addImages builds and pushes the images of backend and agent, or takes the given ones.
func (s *system) addImages(ctx *pulumi.Context) (err error) {
	s.images, err = images.New(ctx, "images", &images.Args{
		Stack:             s.at,
		Architecture:      s.cfg.Compute.Architecture,
		DataKeyARN:        s.storage.DataKeyARN,
		Agents:            s.cfg.Fargate.Enabled,
		Backend:           s.cfg.Images.Backend,
		Agent:             s.cfg.Images.Agent,
		RDSBundleChecksum: s.cfg.Images.RDSBundleChecksum,
	})
	return err
}
