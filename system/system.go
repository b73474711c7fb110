// Package system composes the stack: it reads the configuration, creates one component for each tier and exports the outputs. It is
// the only package that imports every tier; each gets the outputs of the ones before it.
package system

import (
	"errors"
	"strings"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	apitier "scalable-backend/api"
	"scalable-backend/compute"
	"scalable-backend/config"
	"scalable-backend/database"
	"scalable-backend/fargate"
	"scalable-backend/images"
	"scalable-backend/internal/stack"
	"scalable-backend/monitoring"
	"scalable-backend/network"
	"scalable-backend/services/api"
	"scalable-backend/storage"
)

// Program reads the stack's configuration and deploys the system that it asks for.
func Program(ctx *pulumi.Context) error {
	cfg, err := config.Load(ctx)
	if err != nil {
		return err
	}
	if err := refusePlaceholders(ctx, cfg); err != nil {
		return err
	}
	if err := warn(ctx, cfg.Warnings()); err != nil {
		return err
	}
	return deploy(ctx, cfg)
}

func warn(ctx *pulumi.Context, warnings []string) error {
	for _, warning := range warnings {
		if err := ctx.Log.Warn(warning, nil); err != nil {
			return err
		}
	}
	return nil
}

// refusePlaceholders warns of documentation values in a preview and refuses them in an update.
func refusePlaceholders(ctx *pulumi.Context, cfg config.Config) error {
	left := cfg.Placeholders()
	if len(left) == 0 {
		return nil
	}
	text := "the stack still has documentation values:\n" + strings.Join(left, "\n")
	if ctx.DryRun() {
		return ctx.Log.Warn(text, nil)
	}
	return errors.New(text)
}

// system holds what deploy has so far: the configuration, the stack's location, and the tiers that exist already.
type system struct {
	cfg      config.Config
	at       stack.Info
	zones    []string // names of the availability zones
	document *apitier.Document
	lock     *lock

	alerts     *monitoring.Alerts
	storage    *storage.Storage
	network    *network.Network
	database   *database.Database
	images     *images.Images
	compute    *compute.Compute
	api        *apitier.API
	fargate    *fargate.Fargate
	monitoring *monitoring.Monitoring
}

// lookAround compares the configuration with what is in the account already, as far as the caller may look.
func lookAround(ctx *pulumi.Context, cfg config.Config, at stack.Info) (warnings []string, err error) {
	if err := checkZone(ctx, cfg); err != nil {
		return nil, err
	}
	upgrade, err := checkUpgrade(ctx, cfg, at)
	if upgrade != "" {
		warnings = append(warnings, upgrade)
	}
	return append(warnings, quotaWarnings(ctx, cfg, at)...), err
}

// document is the API's, read once.
var document = sync.OnceValues(func() (*apitier.Document, error) { return apitier.Read(api.Document) })

// deploy creates the tiers in this order: each gets the outputs of the ones before it.
func deploy(ctx *pulumi.Context, cfg config.Config) error {
	at, zones, err := locate(ctx, cfg)
	if err != nil {
		return err
	}
	warnings, err := lookAround(ctx, cfg, at)
	if err != nil {
		return err
	}
	if err := warn(ctx, warnings); err != nil {
		return err
	}
	document, err := document()
	if err != nil {
		return err
	}
	lock, err := newLock(ctx)
	if err != nil {
		return err
	}
	s := &system{cfg: cfg, at: at, zones: zones, document: document, lock: lock}
	for _, add := range []func(*pulumi.Context) error{
		s.addAlerts,
		s.addStorage,
		s.addNetwork,
		s.addDatabase,
		s.addImages,
		s.addCompute,
		s.addAPI,
		s.addFargate,
		s.addMonitoring,
		s.addLock,
	} {
		if err := add(ctx); err != nil {
			return err
		}
	}
	s.export(ctx)
	return nil
}
