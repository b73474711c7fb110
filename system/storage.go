package system

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/storage"
)

// addStorage makes the buckets and the keys.
func (s *system) addStorage(ctx *pulumi.Context) (err error) {
	s.storage, err = storage.New(ctx, "storage", &storage.Args{
		Stack:            s.at,
		LogRetentionDays: s.cfg.Monitoring.LogRetentionDays,
	})
	return err
}
