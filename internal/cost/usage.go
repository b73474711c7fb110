package cost

import (
	"bytes"
	_ "embed"
	"fmt"
	"io"
	"time"

	"go.yaml.in/yaml/v3"
)

// The intervals of the agent, from which its calls follow. Tests compare them with the services.
const (
	// PollInterval is the time that a request for jobs waits for one: an agent that has room for a job always has one such request.
	PollInterval = 20 * time.Second
	// RenewInterval is the time between two heartbeats of an agent that has jobs: a third of a lease's life.
	RenewInterval = 20 * time.Second
	// AgentMethods are the methods of the API that agents call.
	AgentMethods = 4
)

//go:embed usage.yaml
var usageText []byte

// Usage is what an owner expects of a month. Its keys are explained in usage.yaml.
type Usage struct {
	Agents          float64 `yaml:"agents"`
	BusyShare       float64 `yaml:"busyShare"`
	Jobs            float64 `yaml:"jobs"`
	AverageFileMB   float64 `yaml:"averageFileMB"`
	StoredGB        float64 `yaml:"storedGB"`
	UploadedGB      float64 `yaml:"uploadedGB"`
	InternetGB      float64 `yaml:"internetGB"`
	TaskGB          float64 `yaml:"taskGB"`
	NATGB           float64 `yaml:"natGB"`
	MillionRequests float64 `yaml:"millionRequests"`
	LogGB           float64 `yaml:"logGB"`
}

// ShippedUsage returns the assumptions of usage.yaml.
func ShippedUsage() (Usage, error) { return ReadUsage(bytes.NewReader(usageText)) }

// ReadUsage reads a file of assumptions over those of usage.yaml: what it leaves out stays. It refuses unknown keys and values below 0.
func ReadUsage(r io.Reader) (Usage, error) {
	var u Usage
	for _, text := range []io.Reader{bytes.NewReader(usageText), r} {
		decoder := yaml.NewDecoder(text)
		decoder.KnownFields(true)
		if err := decoder.Decode(&u); err != nil && err != io.EOF { //nolint:errorlint // the decoder returns it bare for an empty file
			return u, fmt.Errorf("reading the usage: %w", err)
		}
	}
	for name, v := range map[string]float64{
		"agents": u.Agents, "jobs": u.Jobs, "storedGB": u.StoredGB, "uploadedGB": u.UploadedGB, "internetGB": u.InternetGB,
		"taskGB": u.TaskGB, "natGB": u.NATGB, "millionRequests": u.MillionRequests, "logGB": u.LogGB,
	} {
		if !(v >= 0 && v < 1e12) { // NaN is neither
			return u, fmt.Errorf("reading the usage: %s: want a number from 0 on, got %g", name, v)
		}
	}
	if !(u.BusyShare >= 0 && u.BusyShare <= 1) {
		return u, fmt.Errorf("reading the usage: busyShare: want 0 to 1, got %g", u.BusyShare)
	}
	if !(u.AverageFileMB > 0 && u.AverageFileMB < 1e9) {
		return u, fmt.Errorf("reading the usage: averageFileMB: want a number above 0, got %g", u.AverageFileMB)
	}
	return u, nil
}
