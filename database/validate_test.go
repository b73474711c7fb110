package database

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"

	"scalable-backend/internal/infratest"
)

func TestValidate(t *testing.T) {
	for field, change := range map[string]func(*Args){
		"SubnetIDs":           func(a *Args) { a.SubnetIDs = nil },
		"DataKeyARN":          func(a *Args) { a.DataKeyARN = nil },
		"AlarmTopicARN":       func(a *Args) { a.AlarmTopicARN = nil },
		"InstanceClass":       func(a *Args) { a.InstanceClass = "m7g.large" },
		"EngineVersion":       func(a *Args) { a.EngineVersion = "17.4" },
		"AllocatedStorage":    func(a *Args) { a.AllocatedStorage = 19 },
		"Replicas":            func(a *Args) { a.Replicas = 3 },
		"MaxAllocatedStorage": func(a *Args) { a.MaxAllocatedStorage = 105 },
		"BackupRetentionDays": func(a *Args) { a.BackupRetentionDays = 0 },
		"PasswordVersion":     func(a *Args) { a.PasswordVersion = 0 },
		"LogRetentionDays":    func(a *Args) { a.LogRetentionDays = 0 },
		"DeletionProtection":  func(a *Args) { a.Stack.Disposable = true },
	} {
		args := prodArgs()
		change(args)
		err := infratest.RunError(t, func(ctx *pulumi.Context) error {
			_, err := New(ctx, "database", args)
			return err
		})
		assert.ErrorContains(t, err, "database.Args."+field+": want ", field)
	}
}

// The smallest limit is 10 % above the size, rounded up: RDS refuses one less.
func TestMinStorageLimit(t *testing.T) {
	for size, want := range map[int]int{20: 22, 95: 105, 100: 110, 65536: 72090} {
		assert.Equal(t, want, MinStorageLimit(size), size)
	}
}
