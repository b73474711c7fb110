package fargate

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Settings are the values that the agent's environment is made of.
type Settings struct {
	Stack       string   // name of the stack, which is in every line of the log
	Region      string   // e.g. "eu-central-1"
	APIURL      string   // of the REST API's stage
	SourceHosts []string // hosts from which an agent downloads
	RetainHours int      // how long a downloaded file is kept, at most
	Program     Program
}

// Environment is what the infrastructure sets of the agent container's environment. There is no secret in it: the agent signs with
// its role.
func Environment(s Settings) map[string]string {
	return map[string]string{
		"AWS_REGION":         s.Region,
		"AGENT_API_URL":      s.APIURL,
		"AGENT_AUTH":         "sigv4",
		"AGENT_DATA_DIR":     dataDir,
		"AGENT_STACK":        s.Stack,
		"AGENT_SOURCE_HOSTS": strings.Join(s.SourceHosts, ","),
		"AGENT_RETAIN":       strconv.Itoa(s.RetainHours) + "h",
		"AGENT_HEALTH_FILE":  s.Program.stateDir() + "/agent-health",
		"AGENT_STOP_TIMEOUT": strconv.Itoa(s.Program.StopSeconds-killMargin) + "s",
	}
}

// Container is one container definition, as far as the agent's task uses it.
type Container struct {
	Name             string           `json:"name"`
	Image            string           `json:"image"`
	Essential        bool             `json:"essential"`
	EntryPoint       []string         `json:"entryPoint,omitempty"`
	Command          []string         `json:"command,omitempty"`
	User             string           `json:"user"`
	ReadonlyRoot     bool             `json:"readonlyRootFilesystem"`
	Privileged       bool             `json:"privileged"`
	StopTimeout      int              `json:"stopTimeout"`
	Environment      []KeyValue       `json:"environment"`
	Secrets          []KeyFrom        `json:"secrets,omitempty"`
	MountPoints      []MountPoint     `json:"mountPoints"`
	LinuxParameters  LinuxParameters  `json:"linuxParameters"`
	Ulimits          []Ulimit         `json:"ulimits"`
	HealthCheck      *HealthCheck     `json:"healthCheck,omitempty"`
	LogConfiguration LogConfiguration `json:"logConfiguration"`
}

// The parts of a container definition.
type (
	// KeyValue is an environment variable.
	KeyValue struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	// KeyFrom is an environment variable that ECS reads from Secrets Manager.
	KeyFrom struct {
		Name      string `json:"name"`
		ValueFrom string `json:"valueFrom"` // the secret's ARN, the key, and two empty parts: the current version
	}
	// MountPoint is where a volume is in the container.
	MountPoint struct {
		SourceVolume  string `json:"sourceVolume"`
		ContainerPath string `json:"containerPath"`
		ReadOnly      bool   `json:"readOnly"`
	}
	// LinuxParameters are options of the Linux kernel.
	LinuxParameters struct {
		InitProcessEnabled bool         `json:"initProcessEnabled"`
		Capabilities       Capabilities `json:"capabilities"`
	}
	// Capabilities has both lists, because ECS answers with both: a definition without one would differ from the answer, and
	// every update would create a new revision.
	Capabilities struct {
		Add  []string `json:"add"`
		Drop []string `json:"drop"`
	}
	// Ulimit is a limit of the process.
	Ulimit struct {
		Name      string `json:"name"`
		SoftLimit int    `json:"softLimit"`
		HardLimit int    `json:"hardLimit"`
	}
	// HealthCheck is the command that tells whether the container works; durations in seconds.
	HealthCheck struct {
		Command     []string `json:"command"`
		Interval    int      `json:"interval"`
		Timeout     int      `json:"timeout"`
		Retries     int      `json:"retries"`
		StartPeriod int      `json:"startPeriod"`
	}
	// LogConfiguration is where the logs go.
	LogConfiguration struct {
		LogDriver string            `json:"logDriver"`
		Options   map[string]string `json:"options"`
	}
)

// Containers are the task's container definitions as JSON. There is one container.
func Containers(s Settings, image, logGroup string) (string, error) {
	p := &s.Program
	environment := Environment(s)
	maps.Copy(environment, p.Environment)
	container := Container{
		Name:            containerName,
		Image:           image,
		Essential:       true,
		User:            p.User,
		ReadonlyRoot:    true,
		StopTimeout:     p.StopSeconds,
		MountPoints:     []MountPoint{{SourceVolume: dataVolume, ContainerPath: dataDir}},
		LinuxParameters: LinuxParameters{InitProcessEnabled: true, Capabilities: Capabilities{Add: []string{}, Drop: []string{"ALL"}}},
		Ulimits:         []Ulimit{{Name: "nofile", SoftLimit: 65536, HardLimit: 65536}},
		LogConfiguration: LogConfiguration{LogDriver: "awslogs", Options: map[string]string{
			"awslogs-group":         logGroup,
			"awslogs-region":        s.Region,
			"awslogs-stream-prefix": containerName,
			// A log service that is slow must not stop downloads; lines beyond the buffer are lost.
			"mode":            "non-blocking",
			"max-buffer-size": "8m",
		}},
	}
	for _, key := range slices.Sorted(maps.Keys(environment)) {
		container.Environment = append(container.Environment, KeyValue{Name: key, Value: environment[key]})
	}
	for _, key := range slices.Sorted(maps.Keys(p.Secrets)) {
		container.Secrets = append(container.Secrets, KeyFrom{Name: key, ValueFrom: p.Secrets[key] + "::"})
	}
	for i, path := range p.WritablePaths {
		container.MountPoints = append(container.MountPoints, MountPoint{SourceVolume: p.volumeName(i), ContainerPath: path})
	}
	if len(p.Command) > 0 {
		container.EntryPoint, container.Command = p.Command[:1], p.Command[1:]
	}
	if len(p.HealthCommand) > 0 {
		container.HealthCheck = &HealthCheck{
			Command: slices.Concat([]string{"CMD"}, p.HealthCommand), Interval: 15, Timeout: 5, Retries: 3, StartPeriod: 30,
		}
	}
	text, err := json.Marshal([]Container{container})
	if err != nil {
		return "", fmt.Errorf("encoding container definition: %w", err)
	}
	return string(text), nil
}
