package restore

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"scalable-backend/cmd/ops/backend"
	"scalable-backend/cmd/ops/procedure"
)

// exchange gives the restored instance the old one's name, and tells Pulumi. Names that are exchanged already stay.
func (p *restoring) exchange(ctx context.Context, newPassword bool) error {
	t, err := p.look(ctx, three{current: some(), fresh: some()})
	if err != nil {
		return err
	}
	switch {
	case t.fresh != nil && t.current != nil && t.old != nil:
		return fmt.Errorf("%s, %s and %s are all there: delete the one that is not wanted", p.id, p.fresh, p.old)
	case t.fresh != nil:
		if err := p.names(ctx, t); err != nil {
			return err
		}
	case t.old == nil: // exchanged, when the old one was lost; or never begun
		if t.current == nil {
			return fmt.Errorf("there is neither %s nor %s: ops restore -time <time> makes the second", p.id, p.fresh)
		}
		if known, err := p.known(ctx, t.current); err != nil {
			return err
		} else if known {
			return fmt.Errorf("there is no %s: ops restore -time <time> makes it", p.fresh)
		}
	}
	if t.fresh == nil {
		if err := p.wait(ctx, p.id, renameTime); err != nil {
			return err
		}
	}
	p.Step("5. Tell Pulumi.")
	if err := p.tell(ctx, newPassword); err != nil {
		return err
	}
	if err := p.resume(ctx); err != nil {
		return err
	}
	if err := p.answers(ctx); err != nil {
		return err
	}
	p.Step("6. Afterwards.")
	p.Say("Tokens that were revoked since the point in time are valid again: revoke them once more. Files that came since are to be " +
		"uploaded again.")
	p.Say("When nothing is missing any more: ops restore -stack %s -finish", p.Stack.Full)
	return nil
}

// names exchanges the names. From the first change on requests are answered 503.
func (p *restoring) names(ctx context.Context, t three) error {
	if status := aws.ToString(t.fresh.DBInstanceStatus); status != "available" && !renaming(t.fresh) {
		return fmt.Errorf("%s is %s: want it available", p.fresh, status)
	}
	if t.current != nil {
		if err := p.Ask("Exchange the names of %s and %s? Requests are answered 503 for 10 to 20 minutes.", p.id, p.fresh); err != nil {
			return err
		}
	}
	p.Step("4. Exchange the names.")
	if t.current != nil {
		if err := p.rename(ctx, p.id, p.old, t.current); err != nil {
			return err
		}
	} else if t.old != nil { // its renaming may not have ended
		if err := p.wait(ctx, p.old, renameTime); err != nil {
			return err
		}
	}
	return p.rename(ctx, p.fresh, p.id, t.fresh)
}

// rename gives an instance another name, unless RDS is about to.
func (p *restoring) rename(ctx context.Context, from, to string, is *types.DBInstance) error {
	if !renaming(is) {
		_, err := procedure.Do(ctx, p.Run, "rds", p.rds.ModifyDBInstance, &rds.ModifyDBInstanceInput{
			DBInstanceIdentifier: aws.String(from), NewDBInstanceIdentifier: aws.String(to), ApplyImmediately: aws.Bool(true),
		}, nil)
		if err != nil {
			return err
		}
	}
	return p.wait(ctx, to, renameTime)
}

// tell gives Pulumi's state the restored instance's resource id: by it Pulumi knows an instance, and a name does not change it.
func (p *restoring) tell(ctx context.Context, newPassword bool) error {
	current, err := p.instance(ctx, p.id, some())
	if err != nil {
		return err
	}
	if current == nil || aws.ToString(current.DbiResourceId) == "" {
		return fmt.Errorf("there is no %s", p.id)
	}
	if err := p.adopt(ctx, aws.ToString(current.DbiResourceId)); err != nil {
		return err
	}
	if newPassword {
		next, err := p.nextPassword()
		if err != nil {
			return err
		}
		if err := p.Set(ctx, "database.passwordVersion", next); err != nil {
			return err
		}
	}
	before, _ := p.files()
	p.Say("The preview must update database-instance in place. If it would replace or rename it, say no: pulumi stack import --file %s "+
		"brings the state back.", before)
	replicas := p.Stack.Config("database", "replicas")
	if replicas == "" || replicas == "0" {
		return p.careful(ctx)
	}
	// They belong to the old instance still.
	if err := p.Set(ctx, "database.replicas", "0"); err != nil {
		return err
	}
	if err := p.careful(ctx); err != nil {
		return fmt.Errorf("%w\ndatabase.replicas is 0 now; it was %s", err, replicas)
	}
	if err := p.Set(ctx, "database.replicas", replicas); err != nil {
		return err
	}
	return p.Up(ctx)
}

// careful updates with Pulumi's own question, whatever -yes says: its preview has to be read.
func (p *restoring) careful(ctx context.Context) error {
	return p.Attached(ctx, "pulumi", "up", "--refresh", "--stack", p.Stack.Full)
}

func (p *restoring) nextPassword() (string, error) {
	version := 1 // the program's default
	if text := p.Stack.Config("database", "passwordVersion"); text != "" {
		var err error
		if version, err = strconv.Atoi(text); err != nil {
			return "", fmt.Errorf("database.passwordVersion is %q: want an integer", text)
		}
	}
	return strconv.Itoa(version + 1), nil
}

// answers asks the backend for what only the database knows. The names' DNS entry is cached for a while.
func (p *restoring) answers(ctx context.Context) error {
	api, err := backend.Public(ctx, p.Run, p.aws)
	if err != nil {
		return err
	}
	if p.Dry {
		p.Say("  GET %s", api.URL("/v1/stats"))
		return nil
	}
	for end := p.Env.Now().Add(15 * time.Minute); ; {
		err := api.Call(ctx, http.MethodGet, "/v1/stats", nil)
		var problem *backend.Problem
		switch {
		case err == nil:
			p.Say("The backend answers from the restored database.")
			return nil
		case errors.As(err, &problem) && problem.Status >= http.StatusInternalServerError && p.Env.Now().Before(end):
			p.print.Going("the backend: %s", problem)
		case ctx.Err() != nil:
			return ctx.Err()
		default:
			p.print.Done()
			return fmt.Errorf("the names are exchanged and Pulumi knows; the backend does not answer (another password? -exchange "+
				"-new-password): %w", err)
		}
		if err := p.Env.Sleep(ctx, pause); err != nil {
			return err
		}
	}
}
