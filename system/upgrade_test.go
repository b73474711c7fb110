package system

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"scalable-backend/config"
	"scalable-backend/internal/stack"
)

// databases answers as RDS does: the versions of the instances that have the stack's tag.
type databases []string

func (d databases) Call(args pulumi.MockCallArgs) (resource.PropertyMap, error) {
	if strings.HasSuffix(args.Token, ":getInstance") {
		var i int
		if _, err := fmt.Sscanf(args.Args["dbInstanceIdentifier"].StringValue(), "db-%d", &i); err != nil {
			return nil, err
		}
		return resource.PropertyMap{"engineVersion": resource.NewProperty(d[i])}, nil
	}
	// The tags of 0.1.0, which had none for the deployment: its databases are seen before the first update.
	if tags := args.Args["tags"].Mappable(); !reflect.DeepEqual(tags, map[string]any{"project": "p", "stack": "prod"}) {
		return nil, fmt.Errorf("asked for %v", tags)
	}
	ids := []resource.PropertyValue{}
	for i := range d {
		ids = append(ids, resource.NewProperty(fmt.Sprint("db-", i)))
	}
	return resource.PropertyMap{"instanceIdentifiers": resource.NewProperty(ids)}, nil
}

func (databases) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	return args.Name, args.Inputs, nil
}

// With read replicas an upgrade takes two updates: the program refuses to do it in one, and to begin the second too early.
func TestUpgradesWithReplicas(t *testing.T) {
	const refused = "with read replicas an upgrade takes two updates"
	for name, c := range map[string]struct {
		running             databases
		replicas            int
		version, previous   string
		wantErr, wantAdvice string
	}{
		"a new stack":                  {nil, 2, "17", "none", "", ""},
		"a new stack in between":       {nil, 2, "18", "17", "", ""},
		"two versions behind, alone":   {databases{"16.9"}, 0, "18", "17", "", ""},
		"no upgrade":                   {databases{"17.6", "17.6", "17.6"}, 2, "17", "none", "", ""},
		"both in one update":           {databases{"17.6", "17.6"}, 1, "18", "none", refused, ""},
		"the first update":             {databases{"17.6", "17.6"}, 1, "18", "17", "", ""},
		"from another version":         {databases{"16.9", "16.9"}, 1, "18", "17", refused, ""},
		"the second, before its time":  {databases{"17.6", "17.6"}, 1, "18", "none", refused, ""},
		"the second, halfway":          {databases{"18.1", "17.6"}, 1, "18", "none", refused, ""},
		"upgraded, the second is due":  {databases{"18.1", "18.1"}, 1, "18", "17", "", "set database.previousVersion to none"},
		"the second":                   {databases{"18.1", "18.1"}, 1, "18", "none", "", ""},
		"without replicas, in one":     {databases{"17.6"}, 0, "18", "none", "", ""},
		"without replicas, in two":     {databases{"17.6"}, 0, "18", "17", "", ""},
		"without replicas, the second": {databases{"18.1"}, 0, "18", "17", "", "set database.previousVersion to none"},
	} {
		var cfg config.Config
		cfg.Database.Replicas, cfg.Database.EngineVersion, cfg.Database.PreviousVersion = c.replicas, c.version, c.previous
		var advice string
		err := pulumi.RunErr(func(ctx *pulumi.Context) (err error) {
			advice, err = checkUpgrade(ctx, cfg, stack.Info{Project: "p", Stack: "prod"})
			return err
		}, pulumi.WithMocks("p", "prod", c.running))
		if c.wantErr != "" {
			require.ErrorContains(t, err, c.wantErr, name)
			require.ErrorContains(t, err, "runs "+strings.Split(c.running[len(c.running)-1], ".")[0], name)
		} else {
			require.NoError(t, err, name)
		}
		if c.wantAdvice == "" {
			require.Empty(t, advice, name)
		} else {
			require.Contains(t, advice, c.wantAdvice, name)
		}
	}
}
