package database

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// One error names every problem with the expected value.
func TestEveryProblemIsNamed(t *testing.T) {
	require.EqualError(t, (*Args)(nil).validate(), "database.Args: want a value, got nil")
	wrong := &Args{Enhanced: true, MaxAllocatedStorage: -1, AllocatedStorage: MaxStorage + 1}
	require.EqualError(t, wrong.validate(), `database.Args.SubnetIDs: want a value, got nil
database.Args.SecurityGroupID: want a value, got nil
database.Args.DataKeyARN: want a value, got nil
database.Args.LogsKeyARN: want a value, got nil
database.Args.AlarmTopicARN: want a value, got nil
database.Args.InstanceClass: want a class such as db.t4g.micro, got ""
database.Args.EngineVersion: want a major version such as 17, got ""
database.Args.AllocatedStorage: want 20..65536, got 65537
database.Args.MaxAllocatedStorage: want 72091..65536, got -1
database.Args.BackupRetentionDays: want 1..35, got 0
database.Args.PasswordVersion: want at least 1, got 0
database.Args.LogRetentionDays: want at least 1, got 0`)
}

func TestAlarmTopicIsNeededWhenEnhanced(t *testing.T) {
	args := devArgs()
	args.Enhanced, args.AlarmTopicARN = false, nil
	require.NoError(t, args.validate())
}

func TestDisposableDatabaseIsNotProtected(t *testing.T) {
	args := prodArgs()
	args.Stack.Disposable = true
	require.EqualError(t, args.validate(), "database.Args.DeletionProtection: want false in a disposable stack, got true")
}
