package system

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/monitoring"
)

// addAlerts makes the topic first: other tiers send their alarms there.
func (s *system) addAlerts(ctx *pulumi.Context) (err error) {
	s.alerts, err = monitoring.NewAlerts(ctx, "alerts", &monitoring.AlertsArgs{
		Stack:  s.at,
		Emails: s.cfg.Monitoring.AlertEmails,
		// GuardDuty's findings come to the topic by EventBridge.
		EventBridge: s.cfg.Monitoring.GuardDuty,
		Budget:      s.cfg.Budget() > 0,
	})
	return err
}
