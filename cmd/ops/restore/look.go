package restore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"scalable-backend/cmd/ops/command"
	"scalable-backend/cmd/ops/procedure"
)

// instance asks RDS for an instance; nil when there is none. A dry run takes what it is told that there is.
func (p *restoring) instance(ctx context.Context, id string, dry *types.DBInstance) (*types.DBInstance, error) {
	var assumed rds.DescribeDBInstancesOutput
	if dry != nil {
		assumed.DBInstances = []types.DBInstance{*dry}
	}
	found, err := procedure.Read(ctx, p.Run, "rds", p.rds.DescribeDBInstances,
		&rds.DescribeDBInstancesInput{DBInstanceIdentifier: aws.String(id)}, &assumed)
	var missing *types.DBInstanceNotFoundFault
	if errors.As(err, &missing) || err == nil && len(found.DBInstances) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &found.DBInstances[0], nil
}

// three are the instances that a restore deals with; nil where there is none.
type three struct{ current, fresh, old *types.DBInstance }

// look asks for all three at once: a name may change between two questions, and one instance would be seen under both.
func (p *restoring) look(ctx context.Context, dry three) (t three, err error) {
	var assumed rds.DescribeDBInstancesOutput
	for _, one := range []struct {
		id string
		is *types.DBInstance
	}{{p.id, dry.current}, {p.fresh, dry.fresh}, {p.old, dry.old}} {
		if one.is != nil {
			one.is.DBInstanceIdentifier = aws.String(one.id)
			assumed.DBInstances = append(assumed.DBInstances, *one.is)
		}
	}
	found, err := procedure.Read(ctx, p.Run, "rds", p.rds.DescribeDBInstances, &rds.DescribeDBInstancesInput{
		Filters: []types.Filter{{Name: aws.String("db-instance-id"), Values: []string{p.id, p.fresh, p.old}}},
	}, &assumed)
	if err != nil {
		return t, err
	}
	for i, one := range found.DBInstances {
		switch aws.ToString(one.DBInstanceIdentifier) {
		case p.id:
			t.current = &found.DBInstances[i]
		case p.fresh:
			t.fresh = &found.DBInstances[i]
		case p.old:
			t.old = &found.DBInstances[i]
		}
	}
	return t, nil
}

// some is an instance of a dry run.
func some() *types.DBInstance {
	return &types.DBInstance{
		DBInstanceStatus: aws.String("available"), DbiResourceId: aws.String("<resource id>"), MultiAZ: aws.Bool(true),
		DeletionProtection: aws.Bool(true),
	}
}

// status says what there is and what comes next.
func (p *restoring) status(ctx context.Context) error {
	t, err := p.look(ctx, three{current: some()})
	if err != nil {
		return err
	}
	for _, one := range []struct {
		id string
		is *types.DBInstance
	}{{p.id, t.current}, {p.fresh, t.fresh}, {p.old, t.old}} {
		text := "none"
		if one.is != nil {
			text = aws.ToString(one.is.DBInstanceStatus)
			if at := one.is.LatestRestorableTime; at != nil {
				text += ", can be restored up to " + at.UTC().Format(time.RFC3339)
			}
		}
		p.Say("%s: %s", one.id, text)
	}
	next := "ops restore -time <time> begins one"
	switch {
	case t.fresh != nil && t.old != nil && t.current != nil:
		next = "delete one of the three: nobody knows which is wanted"
	case t.fresh != nil && t.current == nil && t.old != nil:
		next = "the exchange is half done: ops restore -exchange"
	case t.fresh != nil:
		next = "ops psql -instance " + p.fresh + " looks at it; then ops restore -exchange, or -discard"
	case t.old != nil && t.current != nil:
		next = "ops restore -exchange if Pulumi does not know yet; when nothing is missing any more, ops restore -finish"
	case t.old != nil:
		next = "nobody has the stack's name: " + procedure.Line("aws", "rds", "modify-db-instance", "--db-instance-identifier", p.old,
			"--new-db-instance-identifier", p.id, "--apply-immediately") + " gives it back to the old instance"
	}
	p.Say("Next: %s", next)
	return nil
}

const (
	pause = 30 * time.Second
	// A restore takes its time by size; a new name some minutes.
	restoreTime = 6 * time.Hour
	renameTime  = 45 * time.Minute
)

// wait waits until an instance is available, under a name that it may not have yet.
func (p *restoring) wait(ctx context.Context, id string, longest time.Duration) error {
	if p.Dry {
		p.Say("  until aws rds wait db-instance-available --db-instance-identifier %s; do sleep 30; done", id)
		return nil
	}
	defer p.print.Done()
	for end := p.Env.Now().Add(longest); ; {
		found, err := p.instance(ctx, id, nil)
		if err != nil {
			return err
		}
		status := "not there yet"
		if found != nil {
			status = aws.ToString(found.DBInstanceStatus)
		}
		p.print.Going("%s: %s", id, status)
		switch {
		case status == "available" && !renaming(found):
			return nil
		case status == "failed", strings.HasPrefix(status, "incompatible-"), status == "inaccessible-encryption-credentials":
			return fmt.Errorf("%s is %s: the RDS console says why", id, status)
		case p.Env.Now().After(end):
			return command.With(command.Unfinished, fmt.Errorf("%s is %s after %s: run it again", id, status, longest))
		}
		if err := p.Env.Sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// renaming tells whether the instance is about to get another name.
func renaming(i *types.DBInstance) bool {
	return i.PendingModifiedValues != nil && aws.ToString(i.PendingModifiedValues.DBInstanceIdentifier) != ""
}

// gone waits until there is no instance of this name.
func (p *restoring) gone(ctx context.Context, id string) error {
	if p.Dry {
		p.Say("  until aws rds wait db-instance-deleted --db-instance-identifier %s; do sleep 30; done", id)
		return nil
	}
	defer p.print.Done()
	for end := p.Env.Now().Add(renameTime); ; {
		found, err := p.instance(ctx, id, nil)
		if err != nil || found == nil {
			return err
		}
		p.print.Going("%s: %s", id, aws.ToString(found.DBInstanceStatus))
		if p.Env.Now().After(end) {
			return command.With(command.Unfinished, fmt.Errorf("%s is there still after %s: run it again", id, renameTime))
		}
		if err := p.Env.Sleep(ctx, pause); err != nil {
			return err
		}
	}
}
