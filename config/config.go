// Package config is the stack's configuration: Load reads it from the Pulumi engine, Parse checks every key and every
// combination, and Config holds it typed. Whatever is wrong is reported in one Error, before any resource is registered.
// A new key is a field and a line of settings in the file of its tier; docs/configuration.md is written from these.
package config

// Config is a stack's configuration after every check. The fields are named like the keys that set them; their meaning,
// units, defaults and limits stand in the settings method of each object, and in docs/configuration.md.
type Config struct {
	Project, Stack    string
	Region            string   // aws:region
	AllowedAccountIDs []string // aws:allowedAccountIds

	Network    Network
	Database   Database
	Compute    Compute
	Fargate    Fargate
	Images     Images
	API        API
	Monitoring Monitoring
	Governance Governance

	// Production holds for stacks named prod or production, or with that word as a part of their name (eu-prod): Parse requires of
	// them what protects data and alerts people.
	Production bool
	// Disposable stacks leave nothing behind when they are destroyed: those without database.deletionProtection.
	Disposable bool
}

// HTTPS tells whether the load balancer has a certificate to serve with, a given one or one that the stack makes.
func (c Config) HTTPS() bool { return c.Compute.CertificateARN != "" || c.Compute.HostedZoneID != "" }

// Partition is the part of AWS that the region belongs to, as ARNs name it.
func (c Config) Partition() string { return partition(c.Region) }

// Budget is monitoring.monthlyBudgetUsd, or 0 where the region's partition has no AWS Budgets, as in GovCloud.
func (c Config) Budget() int {
	if !offers(c.Partition(), "budgets") {
		return 0
	}
	return c.Monitoring.MonthlyBudgetUSD
}
