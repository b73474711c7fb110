//go:build images

package imagetest

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// planned is what the program plans for the images: how they are built, and how they are run.
type planned struct {
	args    map[string]map[string]string // build arguments of the backend and the agent
	backend plannedBackend
	agent   plannedAgent
}

// plannedBackend is the `docker run` of the instances' user data.
type plannedBackend struct {
	environment map[string]string
	flags       map[string][]string  // "--read-only": [""], "--tmpfs": ["/tmp:..."]
	arguments   []string             // behind the image
	secrets     map[string][2]string // by the variable's name: a secret's ARN, and a key of its JSON object
}

// plannedAgent is the container definition of the task.
type plannedAgent struct {
	memory      int64 // bytes: the task's
	environment map[string]string

	EntryPoint             []string
	Command                []string
	User                   string
	ReadonlyRootFilesystem bool
	Environment            []struct{ Name, Value string }
	MountPoints            []struct{ ContainerPath string }
	LinuxParameters        struct {
		Capabilities struct{ Add, Drop []string }
	}
	Ulimits     []struct{ SoftLimit, HardLimit uint64 }
	HealthCheck struct{ Command []string }
}

// readPlan reads the file that an environment variable names: what `go run ./cmd/plan -json` prints of a stack with or without
// agents.
func readPlan(variable string, agents bool) (*planned, error) {
	path := os.Getenv(variable)
	if path == "" {
		return nil, fmt.Errorf("%s: want a file that `go run ./cmd/plan -stack dev -json` printed, as make test-images sets it", variable)
	}
	var graph struct {
		Resources []struct {
			Type, Name string
			Inputs     struct {
				Args                 map[string]string
				UserData             string
				ContainerDefinitions string
				Memory               string
			}
		}
	}
	if err := readJSON(path, &graph); err != nil {
		return nil, err
	}
	p := &planned{args: map[string]map[string]string{}}
	for _, r := range graph.Resources {
		var err error
		switch r.Type {
		case "awsx:ecr:Image":
			p.args[strings.TrimPrefix(r.Name, "images-")] = r.Inputs.Args
		case "aws:ec2/launchTemplate:LaunchTemplate":
			p.backend, err = readUserData(r.Inputs.UserData)
		case "aws:ecs/taskDefinition:TaskDefinition":
			p.agent, err = readTask(r.Inputs.ContainerDefinitions, r.Inputs.Memory)
		}
		if err != nil {
			return nil, fmt.Errorf("%s %s of %s: %w", r.Type, r.Name, path, err)
		}
	}
	images := 1
	if agents {
		images = 2
	}
	if len(p.args) != images || len(p.backend.environment) == 0 || agents != (len(p.agent.environment) > 0) {
		return nil, fmt.Errorf("%s: want %d images, an instance and agents: %t; got %d images, %d and %d variables",
			path, images, agents, len(p.args), len(p.backend.environment), len(p.agent.environment))
	}
	return p, nil
}

var (
	environmentFile = regexp.MustCompile(`(?s)cat > /etc/backend/environment <<'END'\n(.*?)\nEND\n`)
	dockerRun       = regexp.MustCompile(`(?s)\nExecStart=(?:/usr/local/sbin/backend-secrets )?/usr/bin/docker run (.*?)\nExecStop=`)
	secretsTable    = regexp.MustCompile(`json\.loads\('(\{.*?\})'\)`)
)

func readUserData(encoded string) (plannedBackend, error) {
	p := plannedBackend{environment: map[string]string{}, flags: map[string][]string{}}
	script, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return p, err
	}
	environment, run := environmentFile.FindSubmatch(script), dockerRun.FindSubmatch(script)
	if environment == nil || run == nil {
		return p, errors.New("want an environment file and a docker run in the user data")
	}
	for line := range strings.SplitSeq(string(environment[1]), "\n") {
		key, value, _ := strings.Cut(line, "=")
		p.environment[key] = value
	}
	if table := secretsTable.FindSubmatch(script); table != nil {
		if err := json.Unmarshal(table[1], &p.secrets); err != nil {
			return p, fmt.Errorf("the secrets of the user data: %w", err)
		}
	}
	words := unitWords(strings.ReplaceAll(string(run[1]), "\\\n", " "))
	for len(words) > 0 && strings.HasPrefix(words[0], "--") {
		flag, value := words[0], ""
		words = words[1:]
		if !slices.Contains(switches, flag) && len(words) > 0 {
			value, words = words[0], words[1:]
		}
		p.flags[flag] = append(p.flags[flag], value)
	}
	if len(words) == 0 {
		return p, errors.New("want an image in the docker run of the user data")
	}
	p.arguments = words[1:]
	return p, nil
}

// unitWords divides a command line of a unit as systemd does: words in double quotes with backslashes, and $$ and %% for $ and %.
func unitWords(line string) (words []string) {
	for _, word := range unitWord.FindAllString(line, -1) {
		if strings.HasPrefix(word, `"`) {
			word = escaped.ReplaceAllString(word[1:len(word)-1], "$1")
		}
		words = append(words, strings.NewReplacer("$$", "$", "%%", "%").Replace(word))
	}
	return words
}

var (
	unitWord = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|[^\s"]+`)
	escaped  = regexp.MustCompile(`\\(.)`)
)

// switches are the flags of docker run without a value.
var switches = []string{"--rm", "--read-only"}

func readTask(definitions, memory string) (plannedAgent, error) {
	var containers []plannedAgent
	if err := json.Unmarshal([]byte(definitions), &containers); err != nil {
		return plannedAgent{}, err
	}
	if len(containers) != 1 {
		return plannedAgent{}, fmt.Errorf("want one container, got %d", len(containers))
	}
	p := containers[0]
	mib, err := strconv.ParseInt(memory, 10, 64)
	p.memory, p.environment = mib<<20, map[string]string{}
	for _, variable := range p.Environment {
		p.environment[variable.Name] = variable.Value
	}
	return p, err
}
