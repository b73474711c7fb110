package config

import "scalable-backend/database"

// Database is the object under "database".
type Database struct {
	InstanceClass                         string
	EngineVersion, PreviousVersion        string
	MultiAZ                               bool
	AllocatedStorage, MaxAllocatedStorage int // GiB
	BackupRetentionDays                   int
	DeletionProtection                    bool
	Replicas                              int
	PasswordVersion                       int
}

// noVersion is the value of database.previousVersion when no upgrade is under way.
const noVersion = "none"

// Previous is the major version that an upgrade leaves, or "" when none is under way.
func (d *Database) Previous() string {
	if d.PreviousVersion == noVersion {
		return ""
	}
	return d.PreviousVersion
}

func (d *Database) settings() []*setting {
	return []*setting{
		text("database.instanceClass", &d.InstanceClass, "db.t4g.micro", "db.m7g.large", "an instance class of RDS for PostgreSQL", validClass).
			means("Size of the database. A change restarts it, at once in a stack that can be thrown away, else in the maintenance " +
				"window; until then each preview shows it again. Refused are families without PostgreSQL of these versions, such as " +
				"db.t2 and db.m4."),
		choice("database.engineVersion", &d.EngineVersion, "17", "14", "15", "16", "17", "18").
			means("Major version of PostgreSQL. Minor versions follow by themselves. A number is accepted, as `--path` stores one."),
		choice("database.previousVersion", &d.PreviousVersion, noVersion, noVersion, "14", "15", "16", "17").
			means("The major version that is left, while an upgrade with read replicas waits for its maintenance window: they keep its " +
				"parameters until they are upgraded. See [the runbook](runbook.md#upgrade-postgresql)."),
		boolean("database.multiAz", &d.MultiAZ, false).
			means("A standby in a second zone, which takes over within a minute or two. Required in production."),
		integer("database.allocatedStorage", &d.AllocatedStorage, 20, database.MinStorage, database.MaxStorage).
			means("GiB of gp3 storage at creation."),
		integer("database.maxAllocatedStorage", &d.MaxAllocatedStorage, 100, 0, database.MaxStorage).
			means("GiB up to which the storage grows by itself; at least 10 % above `allocatedStorage`, or 0 for storage that does " +
				"not grow."),
		integer("database.backupRetentionDays", &d.BackupRetentionDays, 7, 1, 35).
			means("How far back the database can be restored to any point in time. At least 7 in production."),
		boolean("database.deletionProtection", &d.DeletionProtection, true).
			means("The switch between a stack that keeps its data and one that can be thrown away; see " +
				"[below](#stacks-that-can-be-thrown-away). Required in production."),
		integer("database.replicas", &d.Replicas, 0, 0, database.MaxReplicas).
			means("Read replicas, for reports and the like: the backend itself does not use them. Each costs as much as an instance " +
				"without a standby. Their addresses are the output `databaseReplicaEndpoints`."),
		integer("database.passwordVersion", &d.PasswordVersion, 1, 1, 1_000_000).
			means("Increase it to rotate the database's password."),
	}
}
