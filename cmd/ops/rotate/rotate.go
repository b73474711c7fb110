// Package rotate changes the database's password: through Pulumi, whose configuration says which version of it there is, so that no update
// takes it back. A rotation that ended on the way goes on where it was.
package rotate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"scalable-backend/cmd/ops/account"
	"scalable-backend/cmd/ops/backend"
	"scalable-backend/cmd/ops/command"
	"scalable-backend/cmd/ops/procedure"
	"scalable-backend/cmd/ops/psql"
	"scalable-backend/cmd/ops/stack"
)

// Command is the entry in the table.
func Command() command.Command {
	return command.Command{
		Name: "rotate", Summary: "give the database another password, and try it", Usage: "[-stack STACK] [-yes] [-dry-run]", Run: run,
	}
}

const (
	key         = "database.passwordVersion"
	pause       = 10 * time.Second
	longestWait = 20 * time.Minute
)

func run(ctx context.Context, env *command.Env, args []string) error {
	flags := env.Flags(Command())
	from := stack.Flags(flags)
	yes := flags.Bool("yes", false, "do not ask, and let Pulumi not ask")
	dry := flags.Bool("dry-run", false, "print the calls and make none")
	if _, err := command.Parse(flags, args, 0); err != nil {
		return err
	}
	s, err := from.Load(ctx, env)
	if err != nil {
		return err
	}
	r := &procedure.Run{Env: env, Stack: s, Dry: *dry, Yes: *yes}
	var config aws.Config
	if !r.Dry {
		mine, err := account.Open(ctx, env, s)
		if err != nil {
			return err
		}
		config = mine.Config
	}
	return account.Explain(rotate(ctx, r, config))
}

func rotate(ctx context.Context, r *procedure.Run, config aws.Config) error {
	next, begun, err := version(ctx, r)
	if err != nil {
		return err
	}
	if begun {
		r.Say("A rotation to version %d was begun and has not ended: it goes on.", next)
	} else {
		r.Say("The password becomes version %d. Connections that are open stay; for some seconds new ones are refused, until the backends "+
			"have read it.", next)
		if err := r.Ask("Rotate it?"); err != nil {
			return err
		}
		if err := r.Set(ctx, key, strconv.Itoa(next)); err != nil {
			return err
		}
	}
	start := r.Env.Now()
	if err := r.Up(ctx); err != nil {
		return fmt.Errorf("%w\nops rotate again goes on with version %d; pulumi config set --path %s %d gives it up, if nothing was updated",
			err, next, key, next-1)
	}
	if err := settled(ctx, r, config); err != nil {
		return err
	}
	if err := changed(ctx, r, config, start, begun); err != nil {
		return err
	}
	return try(ctx, r, config)
}

// state is what Pulumi has of the password and of the secret.
type state struct {
	Deployment struct {
		Resources []struct {
			URN     string    `json:"urn"`
			Created time.Time `json:"created"`
			Changed time.Time `json:"modified"`
			Inputs  struct {
				Keepers struct {
					Version string `json:"passwordVersion"`
				} `json:"keepers"`
			} `json:"inputs"`
		} `json:"resources"`
	} `json:"deployment"`
}

// version is the password's next version. A rotation was begun when the configuration has it already, or when the password is newer than
// the secret: the update ended between the two.
func version(ctx context.Context, r *procedure.Run) (next int, begun bool, err error) {
	wanted := 1 // the program's default
	if text := r.Stack.Config("database", "passwordVersion"); text != "" {
		if wanted, err = strconv.Atoi(text); err != nil {
			return 0, false, fmt.Errorf("%s: %s is %q: want an integer", r.Stack.File, key, text)
		}
	}
	text, err := r.Pulumi(ctx, "stack", "export", "--non-interactive")
	if err != nil {
		return 0, false, err
	}
	if r.Dry {
		return wanted + 1, false, nil
	}
	var s state
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return 0, false, fmt.Errorf("pulumi stack export: %w", err)
	}
	made := 0
	var password, secret time.Time
	for _, resource := range s.Deployment.Resources {
		switch {
		case strings.HasSuffix(resource.URN, "random:index/randomPassword:RandomPassword::database-password"):
			if made, err = strconv.Atoi(resource.Inputs.Keepers.Version); err != nil {
				return 0, false, fmt.Errorf("pulumi stack export: the password's version is %q", resource.Inputs.Keepers.Version)
			}
			password = resource.Created
		case strings.HasSuffix(resource.URN, "aws:secretsmanager/secretVersion:SecretVersion::database-credentials-version"):
			if secret = resource.Created; resource.Changed.After(secret) {
				secret = resource.Changed
			}
		}
	}
	switch {
	case made == 0:
		return 0, false, fmt.Errorf("the stack %s has no database: run pulumi up first", r.Stack.Name)
	case wanted < made:
		return 0, false, fmt.Errorf("%s is %d, and the stack has version %d already: bring the stack's file up to date", key, wanted, made)
	case wanted > made, password.After(secret):
		return wanted, true, nil
	}
	return made + 1, false, nil
}

// settled waits until RDS has the new password: it takes it at once, but answers before it has.
func settled(ctx context.Context, r *procedure.Run, config aws.Config) error {
	id, err := r.Stack.Output("databaseInstanceId")
	if err != nil {
		return err
	}
	client := rds.NewFromConfig(config)
	for end := r.Env.Now().Add(longestWait); ; {
		found, err := procedure.Read(ctx, r, "rds", client.DescribeDBInstances,
			&rds.DescribeDBInstancesInput{DBInstanceIdentifier: aws.String(id)},
			&rds.DescribeDBInstancesOutput{DBInstances: []rdstypes.DBInstance{{DBInstanceStatus: aws.String("available")}}})
		if err != nil {
			return err
		}
		if len(found.DBInstances) != 1 {
			return fmt.Errorf("RDS has no instance %s", id)
		}
		instance := found.DBInstances[0]
		pending := instance.PendingModifiedValues != nil && instance.PendingModifiedValues.MasterUserPassword != nil
		if aws.ToString(instance.DBInstanceStatus) == "available" && !pending {
			return nil
		}
		if r.Env.Now().After(end) {
			return command.With(command.Unfinished, fmt.Errorf("%s is %s after %s: run it again", id, aws.ToString(instance.DBInstanceStatus),
				longestWait))
		}
		if err := r.Env.Sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// changed sees that the secret has followed.
func changed(ctx context.Context, r *procedure.Run, config aws.Config, start time.Time, begun bool) error {
	arn, err := r.Stack.Output("databaseSecretArn")
	if err != nil {
		return err
	}
	found, err := procedure.Read(ctx, r, "secretsmanager", secretsmanager.NewFromConfig(config).DescribeSecret,
		&secretsmanager.DescribeSecretInput{SecretId: aws.String(arn)}, &secretsmanager.DescribeSecretOutput{LastChangedDate: aws.Time(start)})
	if err != nil {
		return err
	}
	const skew = time.Minute // between the clocks, and what AWS rounds
	if at := aws.ToTime(found.LastChangedDate); !begun && at.Before(start.Add(-skew)) {
		return command.With(command.Unfinished, fmt.Errorf("the secret was last changed at %s, before this update: run it again",
			at.UTC().Format(time.RFC3339)))
	}
	return nil
}

// try opens a connection with the new password, where the way to the database is open, and asks the backend for what only the database
// knows. A connection that the backend had before would go on with the old password: only the first of the two proves the new one.
func try(ctx context.Context, r *procedure.Run, config aws.Config) error {
	err := psql.Session(ctx, r, config, psql.Options{Args: []string{"--no-psqlrc", "-qtAc", "select 'the database takes the new password'"}})
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &exit):
		return fmt.Errorf("the password was changed, and a connection with it fails: %w", err)
	case err != nil:
		r.Say("The new password was not tried on the database itself: %s", account.Explain(err))
	}
	api, err := backend.Public(ctx, r, config)
	if err != nil {
		return err
	}
	if r.Dry {
		r.Say("  GET %s", api.URL("/v1/stats"))
		return nil
	}
	if err := api.Call(ctx, http.MethodGet, "/v1/stats", nil); err != nil {
		return fmt.Errorf("the password was changed, and the backend does not answer: %w", err)
	}
	r.Say("The backend answers from the database.")
	return nil
}
