package system

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/database"
)

// addDatabase makes the database and its credentials.
func (s *system) addDatabase(ctx *pulumi.Context) (err error) {
	s.database, err = database.New(ctx, "database", &database.Args{
		Stack:               s.at,
		SubnetIDs:           s.network.DatabaseSubnetIDs,
		SecurityGroupID:     s.network.SecurityGroups.Database,
		DataKeyARN:          s.storage.DataKeyARN,
		LogsKeyARN:          s.storage.LogsKeyARN,
		AlarmTopicARN:       s.alerts.TopicARN,
		InstanceClass:       s.cfg.Database.InstanceClass,
		EngineVersion:       s.cfg.Database.EngineVersion,
		PreviousVersion:     s.cfg.Database.Previous(),
		MultiAZ:             s.cfg.Database.MultiAZ,
		AllocatedStorage:    s.cfg.Database.AllocatedStorage,
		MaxAllocatedStorage: s.cfg.Database.MaxAllocatedStorage,
		BackupRetentionDays: s.cfg.Database.BackupRetentionDays,
		DeletionProtection:  s.cfg.Database.DeletionProtection,
		Enhanced:            s.cfg.Production,
		Replicas:            s.cfg.Database.Replicas,
		PasswordVersion:     s.cfg.Database.PasswordVersion,
		LogRetentionDays:    s.cfg.Monitoring.LogRetentionDays,
	})
	return err
}
