package restore

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"scalable-backend/cmd/ops/procedure"
)

// finish takes the settings back and deletes the old instance, of which a snapshot stays.
func (p *restoring) finish(ctx context.Context) error {
	t, err := p.look(ctx, three{current: some(), old: some()})
	if err != nil {
		return err
	}
	switch {
	case t.fresh != nil:
		return fmt.Errorf("%s is there still: the names are not exchanged (-exchange), or it is not wanted (-discard)", p.fresh)
	case t.current == nil:
		return fmt.Errorf("there is no %s: -finish would leave the stack without a database", p.id)
	}
	if known, err := p.known(ctx, t.current); err != nil {
		return err
	} else if !known && !p.Dry {
		return fmt.Errorf("the state of Pulumi has another %s, and its next update would give the old one its name back: ops restore "+
			"-exchange tells it", p.id)
	}
	if t.old != nil {
		if err := p.Ask("Delete %s? A final snapshot of it stays. What came after the point in time is in no other place.", p.old); err != nil {
			return err
		}
	}
	for _, key := range []string{"compute.keepObjects", "compute.ignoreRollbackAlarms"} {
		if err := p.Set(ctx, key, "false"); err != nil {
			return err
		}
	}
	if err := p.Up(ctx); err != nil {
		return err
	}
	if t.old != nil {
		snapshot := p.old + "-final-" + p.Env.Now().UTC().Format("20060102")
		if err := p.remove(ctx, p.old, t.old, &rds.DeleteDBInstanceInput{FinalDBSnapshotIdentifier: aws.String(snapshot)}); err != nil {
			return err
		}
		p.Say("The snapshot %s stays.", snapshot)
	}
	p.Say("RDS has made log groups for the instance's other names, without an end to their retention; delete each:")
	p.Say("  aws logs describe-log-groups --log-group-name-prefix /aws/rds/instance/%s- --query 'logGroups[].logGroupName'", p.id)
	return nil
}

// known tells whether Pulumi's state has this instance.
func (p *restoring) known(ctx context.Context, is *types.DBInstance) (bool, error) {
	text, err := p.Pulumi(ctx, "stack", "export", "--non-interactive")
	if err != nil || p.Dry {
		return false, err
	}
	id := aws.ToString(is.DbiResourceId)
	_, was, err := withID([]byte(text), id)
	if err != nil {
		return false, fmt.Errorf("pulumi stack export: %w", err)
	}
	return was == id, nil
}

// discard deletes the restored instance while the old one has its name.
func (p *restoring) discard(ctx context.Context) error {
	t, err := p.look(ctx, three{current: some(), fresh: some()})
	if err != nil {
		return err
	}
	switch {
	case t.fresh == nil:
		p.Say("there is no %s", p.fresh)
		return nil
	case t.old != nil || t.current != nil && renaming(t.current) || renaming(t.fresh):
		return errors.New("the exchange of the names has begun: ops restore -exchange ends it")
	}
	if err := p.Ask("Delete %s? No snapshot of it is kept; the backups stay.", p.fresh); err != nil {
		return err
	}
	if err := p.remove(ctx, p.fresh, t.fresh, &rds.DeleteDBInstanceInput{SkipFinalSnapshot: aws.Bool(true)}); err != nil {
		return err
	}
	return p.gone(ctx, p.fresh)
}

// remove takes the protection off an instance and deletes it, unless RDS does already.
func (p *restoring) remove(ctx context.Context, id string, is *types.DBInstance, in *rds.DeleteDBInstanceInput) error {
	if aws.ToString(is.DBInstanceStatus) == "deleting" {
		return nil
	}
	if aws.ToBool(is.DeletionProtection) {
		if _, err := procedure.Do(ctx, p.Run, "rds", p.rds.ModifyDBInstance, &rds.ModifyDBInstanceInput{
			DBInstanceIdentifier: aws.String(id), DeletionProtection: aws.Bool(false), ApplyImmediately: aws.Bool(true),
		}, nil); err != nil {
			return err
		}
	}
	in.DBInstanceIdentifier = aws.String(id)
	_, err := procedure.Do(ctx, p.Run, "rds", p.rds.DeleteDBInstance, in, nil)
	return err
}
