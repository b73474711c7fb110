package shape

import (
	"encoding/json"
	"regexp"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"scalable-backend/internal/graph"
)

// Restore returns a graph from a file with what the file does not have: ids and outputs, made up as the plan of the same stack makes them
// up, and texts instead of their readable form. Secrets stay hidden.
func Restore(g *graph.Graph) *graph.Graph {
	restored := g.Closed()
	env := NewEnv(g.Project, g.Stack, regionOf(restored))
	if account := accountOf(restored); account != "" {
		env.AccountID = account
	}
	for i, r := range restored.Resources {
		r.RevealedInputs = r.Inputs
		if r.Custom {
			id, outputs := Outputs(env, r.Type, r.Name, resource.NewPropertyMapFromMap(r.Inputs))
			r.ID, r.State = id, JSON(outputs, HideSecrets)
		}
		restored.Resources[i] = r
	}
	return restored
}

// regionOf reads the region from the zone of a subnet: a zone is the region and a letter.
func regionOf(g *graph.Graph) string {
	for _, s := range g.OfType("aws:ec2/subnet:Subnet") {
		if zone, _ := s.Inputs["availabilityZone"].(string); len(zone) > 1 {
			return zone[:len(zone)-1]
		}
	}
	return ""
}

var account = regexp.MustCompile(`\barn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:(\d{12}):`)

// accountOf returns the account that most resources name: all ARNs that a plan makes up have the stack's.
func accountOf(g *graph.Graph) (most string) {
	named := map[string]int{}
	for _, r := range g.Resources {
		text, _ := json.Marshal(r.Inputs) // JSON types cannot fail
		if found := account.FindSubmatch(text); found != nil {
			named[string(found[1])]++
		}
	}
	for number, n := range named {
		if n > named[most] || n == named[most] && number < most {
			most = number
		}
	}
	return most
}
