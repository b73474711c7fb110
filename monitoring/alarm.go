package monitoring

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/component"
)

// section is a part of the dashboard, one for each part of the system.
type section string

const (
	doors    section = "Load balancers"
	backend  section = "Backend"
	database section = "Database"
	agents   section = "Agents and queue"
	gateway  section = "API Gateway"
	storage  section = "Storage"
	network  section = "Network"
)

// Shorter names for the table of alarms.
type (
	metric    = component.Metric
	dimension = component.Dimension
)

// alarm is one row of the table: an alarm, its suffix and the section of its chart.
type alarm struct {
	suffix  string
	section section
	component.Alarm
}

// newAlarms creates the alarms and returns their ARNs, in the table's order.
func (b *builder) newAlarms(table []alarm) (pulumi.StringArray, error) {
	var arns pulumi.StringArray
	for _, row := range table {
		row.Topic = b.args.TopicARN
		created, err := b.NewAlarm(row.suffix, row.Alarm)
		if err != nil {
			return nil, err
		}
		arns = append(arns, created.Arn)
	}
	return arns, nil
}
