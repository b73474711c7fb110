package compute

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"text/template"
	"time"

	"scalable-backend/services/backend/metrics"
)

// userDataLimit is EC2's limit in bytes, before base64.
const userDataLimit = 16 * 1024

// unitMargin is how many seconds longer than docker waits for the backend systemd waits for docker, before they kill it.
const unitMargin = 15

// Settings are the values that the backend's environment is made of.
type Settings struct {
	Stack               string // name of the stack, the dimension of all metrics
	Stage               string // the API's stage, with which a path from API Gateway may begin
	Region              string // e.g. "eu-central-1"
	Bucket              string // name of the bucket of the files
	DatabaseSecretARN   string
	AdminTokenSecretARN string
	MetricsNamespace    string // in CloudWatch
	Program             Program
	KeepObjects         bool // the bucket is never compared with the catalogue
}

// Environment is what the infrastructure sets of the backend container's environment. It names secrets and never holds one.
func Environment(s Settings) map[string]string {
	environment := map[string]string{
		"AWS_REGION":                     s.Region,
		"BACKEND_PUBLIC_ADDR":            fmt.Sprintf(":%d", s.Program.Port),
		"BACKEND_GATEWAY_ADDR":           fmt.Sprintf(":%d", s.Program.GatewayPort),
		"BACKEND_STACK":                  s.Stack,
		"BACKEND_STAGE":                  s.Stage,
		"BACKEND_BUCKET":                 s.Bucket,
		"BACKEND_DATABASE_SECRET_ARN":    s.DatabaseSecretARN,
		"BACKEND_ADMIN_TOKEN_SECRET_ARN": s.AdminTokenSecretARN,
		"BACKEND_METRICS_NAMESPACE":      s.MetricsNamespace,
		"BACKEND_DRAIN_TIMEOUT":          (time.Duration(s.Program.drainSeconds()) * time.Second).String(),
	}
	if s.KeepObjects {
		environment["BACKEND_BUCKET_SWEEP_INTERVAL"] = "0"
	}
	return environment
}

// Boot is what an instance's user data is rendered from.
type Boot struct {
	Settings
	Image    string // digest URI in ECR
	LogGroup string
}

//go:embed userdata.sh.tmpl
var userDataText string

// missingkey makes a misspelt field of the template an error instead of "<no value>".
var userDataTemplate = template.Must(template.New("userdata").Option("missingkey=error").Parse(userDataText))

// plainValue is what may stand in the script, the unit and the environment file without quoting in any of them.
var plainValue = regexp.MustCompile(`^[A-Za-z0-9_./:@+=,-]+$`)

// digestImage is a registry host, a repository and a digest. A tag would let two instances of one version differ.
var digestImage = regexp.MustCompile(`^([a-z0-9.:-]+)/[a-z0-9._/-]+(:[A-Za-z0-9._-]+)?@sha256:[0-9a-f]{64}$`)

// UserData renders the script that makes an instance a backend.
func UserData(b Boot) (string, error) {
	environment := Environment(b.Settings)
	if err := b.check(environment); err != nil {
		return "", err
	}
	script, err := render(b)
	if err != nil {
		return "", err
	}
	if len(script) > userDataLimit {
		return "", fmt.Errorf("user data has %d bytes, EC2 takes %d", len(script), userDataLimit)
	}
	return script, nil
}

// render fills in the template.
func render(b Boot) (string, error) {
	environment := Environment(b.Settings)
	agent, err := agentConfiguration(b)
	if err != nil {
		return "", err
	}
	secrets, err := b.Program.secretsJSON()
	if err != nil {
		return "", fmt.Errorf("user data: %w", err)
	}
	flags, arguments := b.Program.dockerFlags()
	maps.Copy(environment, b.Program.Environment)
	var file strings.Builder
	for _, key := range slices.Sorted(maps.Keys(environment)) {
		fmt.Fprintf(&file, "%s=%s\n", key, environment[key])
	}
	var script bytes.Buffer
	err = userDataTemplate.Execute(&script, map[string]any{
		"Environment":   file.String(),
		"Image":         b.Image,
		"Registry":      digestImage.FindStringSubmatch(b.Image)[1],
		"Region":        b.Region,
		"LogGroup":      b.LogGroup,
		"Metrics":       agent,
		"Namespace":     b.MetricsNamespace,
		"ReleaseAge":    HostReleaseAge,
		"Dimension":     metrics.DimensionStack,
		"Stack":         b.Stack,
		"Secrets":       secrets,
		"HasSecrets":    len(b.Program.Secrets) > 0,
		"Flags":         flags,
		"Arguments":     arguments,
		"ContainerStop": b.Program.StopSeconds,
		"UnitStop":      b.Program.StopSeconds + unitMargin,
	})
	if err != nil {
		return "", fmt.Errorf("rendering user data: %w", err)
	}
	return script.String(), nil
}

func (b Boot) check(environment map[string]string) error {
	var problems []error
	for _, key := range slices.Sorted(maps.Keys(environment)) {
		if !plainValue.MatchString(environment[key]) {
			problems = append(problems, fmt.Errorf("user data: %s: want plain characters, got %q", key, environment[key]))
		}
	}
	if !digestImage.MatchString(b.Image) {
		problems = append(problems, fmt.Errorf("user data: image: want host/repository@sha256:digest, got %q", b.Image))
	}
	if !plainValue.MatchString(b.LogGroup) {
		problems = append(problems, fmt.Errorf("user data: log group: want plain characters, got %q", b.LogGroup))
	}
	return errors.Join(problems...)
}

// ReadEnvironment reads back the environment file that a rendered user data writes on the instance.
func ReadEnvironment(userData string) (map[string]string, error) {
	const begin, end = "cat > /etc/backend/environment <<'END'\n", "\nEND\n"
	_, rest, found := strings.Cut(userData, begin)
	if !found {
		return nil, errors.New("user data writes no environment file")
	}
	file, _, found := strings.Cut(rest, end)
	if !found {
		return nil, errors.New("user data's environment file has no end")
	}
	environment := map[string]string{}
	for line := range strings.SplitSeq(file, "\n") {
		key, value, found := strings.Cut(line, "=")
		if !found {
			return nil, fmt.Errorf("user data's environment file: want KEY=value, got %q", line)
		}
		environment[key] = value
	}
	return environment, nil
}
