package compute

import (
	"encoding/json"
	"fmt"
	"strings"

	"scalable-backend/services/backend/metrics"
)

// The CloudWatch agent's configuration, as far as it is used: memory and disk, which EC2 itself cannot measure, and the output
// of the user data.
type (
	agentFile struct {
		Agent   agentSection   `json:"agent"`
		Metrics metricsSection `json:"metrics"`
		Logs    logsSection    `json:"logs"`
	}
	agentSection struct {
		Interval int    `json:"metrics_collection_interval"`
		User     string `json:"run_as_user"`
	}
	metricsSection struct {
		Namespace   string                 `json:"namespace"`
		Append      map[string]string      `json:"append_dimensions"`
		Aggregation [][]string             `json:"aggregation_dimensions"`
		Collected   map[string]measurement `json:"metrics_collected"`
	}
	measurement struct {
		Measurement []string          `json:"measurement"`
		Resources   []string          `json:"resources,omitempty"`
		DropDevice  bool              `json:"drop_device,omitempty"`
		Append      map[string]string `json:"append_dimensions"`
	}
	logsSection struct {
		Collected struct {
			Files struct {
				List []logFile `json:"collect_list"`
			} `json:"files"`
		} `json:"logs_collected"`
	}
	logFile struct {
		Path   string `json:"file_path"`
		Group  string `json:"log_group_name"`
		Stream string `json:"log_stream_name"`
	}
)

// The names of the CloudWatch agent's metrics, in percent, with the dimension metrics.DimensionStack. The agent puts a plugin's
// name before a measurement that does not begin with it.
const (
	HostMemory = "mem_used_percent"
	HostDisk   = "disk_used_percent"
)

// HostReleaseAge is how many days ago the release of Amazon Linux was published that an instance runs. The user data reports it, every
// six hours.
const HostReleaseAge = "release_age_days"

// agentConfiguration is the file that the CloudWatch agent of an instance reads.
func agentConfiguration(b Boot) (string, error) {
	stack := map[string]string{metrics.DimensionStack: b.Stack}
	file := agentFile{
		Agent: agentSection{Interval: 60, User: "root"},
		Metrics: metricsSection{
			Namespace: b.MetricsNamespace,
			// The instance's id alone: the agent would need ec2:DescribeTags to learn its group.
			Append:      map[string]string{"InstanceId": "${aws:InstanceId}"},
			Aggregation: [][]string{{metrics.DimensionStack}},
			Collected: map[string]measurement{
				"mem":  {Measurement: []string{HostMemory}, Append: stack},
				"disk": {Measurement: []string{strings.TrimPrefix(HostDisk, "disk_")}, Resources: []string{"/"}, DropDevice: true, Append: stack},
			},
		},
	}
	file.Logs.Collected.Files.List = []logFile{{
		Path: "/var/log/cloud-init-output.log", Group: b.LogGroup, Stream: "boot/{instance_id}",
	}}
	text, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return "", fmt.Errorf("encoding CloudWatch agent configuration: %w", err)
	}
	return string(text), nil
}
