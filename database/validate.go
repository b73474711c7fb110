package database

import (
	"errors"
	"regexp"

	"scalable-backend/internal/component"
)

var (
	instanceClass = regexp.MustCompile(`^db\.[a-z0-9-]+\.[a-z0-9]+$`)
	majorVersion  = regexp.MustCompile(`^[1-9][0-9]$`)
)

// MinStorage and MaxStorage are the limits of a gp3 volume of PostgreSQL on RDS, in GiB.
const (
	MinStorage = 20
	MaxStorage = 65536
)

// MinStorageLimit is the least MaxAllocatedStorage that RDS takes for a size, both in GiB: 10 % more.
func MinStorageLimit(size int) int { return (size*11 + 9) / 10 }

func (a *Args) validate() error {
	if a == nil {
		return errors.New("database.Args: want a value, got nil")
	}
	check := component.NewCheck("database.Args")
	check.Inputs(*a, component.NeededWhen{"AlarmTopicARN": a.Enhanced})
	check.That(instanceClass.MatchString(a.InstanceClass), "InstanceClass", "a class such as db.t4g.micro", a.InstanceClass)
	check.That(majorVersion.MatchString(a.EngineVersion), "EngineVersion", "a major version such as 17", a.EngineVersion)
	check.That(a.PreviousVersion == "" || majorVersion.MatchString(a.PreviousVersion) && a.PreviousVersion < a.EngineVersion,
		"PreviousVersion", "a major version before EngineVersion, or none", a.PreviousVersion)
	check.Between("AllocatedStorage", MinStorage, MaxStorage, a.AllocatedStorage)
	if a.MaxAllocatedStorage != 0 {
		check.Between("MaxAllocatedStorage", MinStorageLimit(a.AllocatedStorage), MaxStorage, a.MaxAllocatedStorage)
	}
	check.Between("BackupRetentionDays", 1, 35, a.BackupRetentionDays) // 0 would end point-in-time recovery
	check.Between("Replicas", 0, MaxReplicas, a.Replicas)
	check.AtLeast("PasswordVersion", 1, a.PasswordVersion)
	check.AtLeast("LogRetentionDays", 1, a.LogRetentionDays)
	check.That(!a.Stack.Disposable || !a.DeletionProtection, "DeletionProtection", "false in a disposable stack", a.DeletionProtection)
	return check.Err()
}
