package restore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"scalable-backend/cmd/ops/procedure"
)

// begin keeps the objects, and restores a second instance beside the old one.
func (p *restoring) begin(ctx context.Context, o order, point time.Time) error {
	t, err := p.look(ctx, three{current: some()})
	if err != nil {
		return err
	}
	if t.old != nil {
		return fmt.Errorf("%s is there, of an earlier restore: ops restore says what comes next", p.old)
	}
	if t.fresh != nil {
		p.Say("%s is there already: it goes on with that one, whatever it was restored from (-discard deletes it).", p.fresh)
	} else {
		if t.current != nil && !point.IsZero() && t.current.LatestRestorableTime != nil && point.After(*t.current.LatestRestorableTime) {
			return fmt.Errorf("-time: the latest that there is, is %s", t.current.LatestRestorableTime.UTC().Format(time.RFC3339))
		}
		if err := p.Ask("Restore %s beside %s? Backends are replaced first, so that they keep the objects which an older database does not "+
			"name.", p.fresh, p.id); err != nil {
			return err
		}
		p.Step("1. Keep objects.")
		if err := p.keepObjects(ctx, t.current == nil); err != nil {
			return err
		}
		p.Step("2. Restore beside the old instance.")
		if err := p.restore(ctx, o, point, t.current); err != nil {
			return err
		}
	}
	if err := p.wait(ctx, p.fresh, restoreTime); err != nil {
		return err
	}
	p.Step("3. Look at it.")
	p.Say("ops psql -stack %s -instance %s -- -c 'select max(created_at) from files'", p.Stack.Full, p.fresh)
	p.Say("(\"password authentication failed\": the password was rotated since then; -previous has the one before, and -exchange wants " +
		"-new-password)")
	p.Say("Then: ops restore -stack %s -exchange, after which requests are answered 503 for 10 to 20 minutes; or -discard.", p.Stack.Full)
	return nil
}

// settings are those of the restored instance that RDS does not take from the backup.
type settings struct {
	subnets, security, parameters string
	standby, protection           bool
}

func (p *restoring) settings(current *types.DBInstance) (s settings, err error) {
	for _, one := range []struct {
		output string
		into   *string
	}{{"databaseSubnetGroup", &s.subnets}, {"databaseSecurityGroupId", &s.security}, {"databaseParameterGroup", &s.parameters}} {
		if *one.into, err = p.Stack.Output(one.output); err != nil {
			return s, err
		}
	}
	if current != nil {
		s.standby, s.protection = aws.ToBool(current.MultiAZ), aws.ToBool(current.DeletionProtection)
		return s, nil
	}
	s.standby = p.Stack.Config("database", "multiAz") == "true"
	s.protection = p.Stack.Config("database", "deletionProtection") != "false"
	return s, nil
}

func (p *restoring) restore(ctx context.Context, o order, point time.Time, current *types.DBInstance) error {
	s, err := p.settings(current)
	if err != nil {
		return err
	}
	if o.snapshot != "" {
		_, err = procedure.Do(ctx, p.Run, "rds", p.rds.RestoreDBInstanceFromDBSnapshot, &rds.RestoreDBInstanceFromDBSnapshotInput{
			DBSnapshotIdentifier: aws.String(o.snapshot), DBInstanceIdentifier: aws.String(p.fresh),
			DBSubnetGroupName: aws.String(s.subnets), VpcSecurityGroupIds: []string{s.security}, DBParameterGroupName: aws.String(s.parameters),
			PubliclyAccessible: aws.Bool(false), CopyTagsToSnapshot: aws.Bool(true), MultiAZ: aws.Bool(s.standby),
			DeletionProtection: aws.Bool(s.protection),
		}, nil)
		return existing(err)
	}
	in := &rds.RestoreDBInstanceToPointInTimeInput{
		TargetDBInstanceIdentifier: aws.String(p.fresh), DBSubnetGroupName: aws.String(s.subnets), VpcSecurityGroupIds: []string{s.security},
		DBParameterGroupName: aws.String(s.parameters), PubliclyAccessible: aws.Bool(false), CopyTagsToSnapshot: aws.Bool(true),
		MultiAZ: aws.Bool(s.standby), DeletionProtection: aws.Bool(s.protection),
	}
	if o.latest {
		in.UseLatestRestorableTime = aws.Bool(true)
	} else {
		in.RestoreTime = aws.Time(point.UTC())
	}
	if current != nil {
		in.SourceDBInstanceIdentifier = aws.String(p.id)
	} else if in.SourceDbiResourceId, err = p.backup(ctx); err != nil {
		return err
	}
	_, err = procedure.Do(ctx, p.Run, "rds", p.rds.RestoreDBInstanceToPointInTime, in, nil)
	return existing(err)
}

// existing leaves out that the instance is there: the answer to an earlier try was lost.
func existing(err error) error {
	var there *types.DBInstanceAlreadyExistsFault
	if errors.As(err, &there) {
		return nil
	}
	return err
}

// backup finds the automated backups of an instance that is gone.
func (p *restoring) backup(ctx context.Context) (*string, error) {
	pages := rds.NewDescribeDBInstanceAutomatedBackupsPaginator(p.rds,
		&rds.DescribeDBInstanceAutomatedBackupsInput{DBInstanceIdentifier: aws.String(p.id)})
	var newest *types.DBInstanceAutomatedBackup
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for i, b := range page.DBInstanceAutomatedBackups {
			if newest == nil || aws.ToTime(b.InstanceCreateTime).After(aws.ToTime(newest.InstanceCreateTime)) {
				newest = &page.DBInstanceAutomatedBackups[i]
			}
		}
	}
	if newest == nil {
		return nil, fmt.Errorf("%s is gone, and has no automated backups: -snapshot <identifier> restores a snapshot (aws rds "+
			"describe-db-snapshots)", p.id)
	}
	return newest.DbiResourceId, nil
}
