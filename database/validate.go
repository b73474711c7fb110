package database

import (
	"errors"
	"fmt"
	"regexp"
)

var (
	instanceClass = regexp.MustCompile(`^db\.[a-z0-9-]+\.[a-z0-9]+$`)
	majorVersion  = regexp.MustCompile(`^[1-9][0-9]$`)
)

// The limits of a gp3 volume of PostgreSQL on RDS, in GiB.
const minStorage, maxStorage = 20, 65536

func (a *Args) validate() error {
	var problems []error
	report := func(field, want string, got any) {
		problems = append(problems, fmt.Errorf("database.Args.%s: want %s, got %v", field, want, got))
	}
	for _, f := range []struct {
		name    string
		missing bool
	}{
		{"SubnetIDs", a.SubnetIDs == nil},
		{"SecurityGroupID", a.SecurityGroupID == nil},
		{"DataKeyARN", a.DataKeyARN == nil},
		{"LogsKeyARN", a.LogsKeyARN == nil},
		{"AlarmTopicARN", a.AlarmTopicARN == nil && a.Enhanced},
	} {
		if f.missing {
			report(f.name, "a value", "none")
		}
	}
	if !instanceClass.MatchString(a.InstanceClass) {
		report("InstanceClass", `a class like "db.t4g.micro"`, fmt.Sprintf("%q", a.InstanceClass))
	}
	if !majorVersion.MatchString(a.EngineVersion) {
		report("EngineVersion", `a major version like "17"`, fmt.Sprintf("%q", a.EngineVersion))
	}
	if a.AllocatedStorage < minStorage || a.AllocatedStorage > maxStorage {
		report("AllocatedStorage", fmt.Sprintf("%d..%d GiB", minStorage, maxStorage), a.AllocatedStorage)
	}
	// RDS refuses a ceiling that is less than 10 % above the size.
	if limit := a.MaxAllocatedStorage; limit != 0 && (limit*10 < a.AllocatedStorage*11 || limit > maxStorage) {
		report("MaxAllocatedStorage", fmt.Sprintf("0, or at least 10 %% above AllocatedStorage (%d) and at most %d GiB", a.AllocatedStorage, maxStorage), limit)
	}
	// Zero would switch automated backups, and with them point-in-time recovery, off.
	if a.BackupRetentionDays < 1 || a.BackupRetentionDays > 35 {
		report("BackupRetentionDays", "1..35", a.BackupRetentionDays)
	}
	if a.Replicas < 0 || a.Replicas > MaxReplicas {
		report("Replicas", fmt.Sprintf("0..%d", MaxReplicas), a.Replicas)
	}
	if a.PasswordVersion < 1 {
		report("PasswordVersion", "1 or more", a.PasswordVersion)
	}
	if a.LogRetentionDays < 1 {
		report("LogRetentionDays", "1 or more", a.LogRetentionDays)
	}
	if a.Stack.Disposable && a.DeletionProtection {
		report("DeletionProtection", "false in a disposable stack", true)
	}
	return errors.Join(problems...)
}
