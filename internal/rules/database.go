package rules

import (
	"fmt"
	"slices"
	"strings"

	"scalable-backend/internal/graph"
)

func databaseRules() []Rule {
	db := of(rdsInstance)
	// RDS copies these settings to a replica from its source.
	primary := db.where(func(_ *World, r graph.Resource) bool { return !isReplica(r) })
	return []Rule{
		{"database-encrypted", ids("S-RDS2 R-RDSStorageEncrypted RDS.3 C_16 T0080 G-rds-storage-encrypted"),
			"Storage is encrypted with the stack's key", Everywhere, db,
			all(is(true, "storageEncrypted"), unless(isReplica, refers("kmsKeyId", kmsKey)))},
		{"database-private", ids("RDS.2 R-RDSInstancePublicAccess C_17 T0180 G-rds-instance-public-access"),
			"The database has no public address", Everywhere, db, is(false, "publiclyAccessible")},
		{"database-multi-az", ids("S-RDS3 RDS.5 C_157 G-rds-instance-multi-az-enabled R-RDSMultiAZSupport"), "There is a standby in another zone",
			Production,
			primary, is(true, "multiAz")},
		{"database-deletion-protection", ids("S-RDS10 RDS.8 C_293 T0177 R-RDSInstanceDeletionProtectionEnabled"),
			"The database is protected against deletion", Production,
			db, is(true, "deletionProtection")},
		{"database-backups", ids("S-RDS13 C_133 T0077 G-rds-instance-backup-enabled R-RDSInstanceBackupEnabled"), "Backups are on", Everywhere,
			primary, atLeast(1, "backupRetentionPeriod")},
		{"database-week-of-backups", ids("RDS.11"), "Backups are kept for a week or more, also after deletion", Production,
			primary, all(atLeast(7, "backupRetentionPeriod"), is(false, "deleteAutomatedBackups"))},
		{"database-backup-plan", ids("RDS.26 R-RDSInBackupPlan"), "AWS Backup covers the database", Production,
			primary, satellite(backupSelection, "resources", anything)},
		{"database-final-snapshot", nil, "Deleting the database creates a final snapshot", Production,
			primary, all(is(false, "skipFinalSnapshot"), has("finalSnapshotIdentifier"))},
		{"database-iam", ids("RDS.10 C_161 T0176"), "IAM authentication is enabled", Everywhere,
			db, is(true, "iamDatabaseAuthenticationEnabled")},
		{"database-minor-upgrades", ids("RDS.13 C_226"), "Minor versions are upgraded automatically", Everywhere,
			db, all(is(true, "autoMinorVersionUpgrade"), unless(isReplica, that(func(_ *World, r graph.Resource) string {
				if v := text(r, "engineVersion"); v == "" || strings.Contains(v, ".") {
					return fmt.Sprintf("engineVersion %q is a minor version: after an upgrade by RDS it would differ", v)
				}
				return ""
			})))},
		{"database-snapshot-tags", ids("RDS.17 C2_60"), "Snapshots have the database's tags", Everywhere, db, is(true, "copyTagsToSnapshot")},
		{"database-logs", ids("RDS.9 RDS.36 C_129 R-RDSLoggingEnabled"), "Logs go to CloudWatch, to groups that exist first", Everywhere,
			db, that(databaseLogs)},
		{"database-tls", ids("RDS.38 C2_69"), "The database refuses connections without TLS", Everywhere,
			db, parameter("rds.force_ssl", "1")},
		{"database-statements", ids("C2_30"), "Only schema changes and slow statements are logged", Production,
			db, func(w *World, r graph.Resource) []Problem {
				return append(parameter("log_statement", "ddl")(w, r), parameter("log_min_duration_statement", "")(w, r)...)
			}},
		{"database-enhanced-monitoring", ids("RDS.6 C_118 R-RDSEnhancedMonitoringEnabled"), "The operating system is monitored", Production,
			db, all(atLeast(1, "monitoringInterval"), that(func(w *World, r graph.Resource) string {
				for _, role := range w.To(r, "monitoringRoleArn", iamRole) {
					if trusts(role, "monitoring.rds.amazonaws.com") {
						return ""
					}
				}
				return "monitoringRoleArn is not a role that monitoring.rds.amazonaws.com may assume"
			}))},
		{"database-insights", ids("C_353 T0133"), "Performance Insights is on", Production, db, is(true, "performanceInsightsEnabled")},
		{"database-insights-key", ids("C_354 T0078"), "Performance Insights is encrypted with the stack's key", Production,
			db, refers("performanceInsightsKmsKeyId", kmsKey)},
		{"database-certificate", ids("C_211"), "The database's certificate is from a current CA", Everywhere,
			db, is("rds-ca-rsa2048-g1", "caCertIdentifier")},
		{"database-in-vpc", ids("RDS.18"), "The database is in subnets of this stack", Everywhere, primary,
			refers("dbSubnetGroupName", rdsSubnetGroup)},
		{"database-port", ids("S-RDS11 RDS.23"), "The port is not PostgreSQL's default", Everywhere, db, isNot(5432, "port")},
		{"database-user", ids("RDS.25"), "The master user does not have a common default name", Everywhere,
			primary, that(func(_ *World, r graph.Resource) string {
				name := text(r, "username")
				if name == "" || slices.Contains([]string{"postgres", "admin", "rdsadmin"}, name) || strings.HasPrefix(name, "pg_") {
					return fmt.Sprintf("username is %q", name)
				}
				return ""
			})},
		eventRuleOf("RDS.20", "database-events", "db-instance", "maintenance", "configuration change", "failure"),
		eventRuleOf("RDS.21", "parameter-events", "db-parameter-group", "configuration change"),
		eventRuleOf("RDS.22", "security-group-events", "db-security-group", "configuration change", "failure"),
		{"database-protected", nil, "Pulumi refuses to delete the database", Production, primary, protected},
		{"database-password", nil, "The password is random, secret and of characters that RDS accepts", Everywhere, primary, that(password)},
	}
}

func isReplica(r graph.Resource) bool { return !empty(get(r, "replicateSourceDb")) }

// unless returns a check that passes for some resources.
func unless(something func(graph.Resource) bool, check Check) Check {
	return func(w *World, r graph.Resource) []Problem {
		if something(r) {
			return nil
		}
		return check(w, r)
	}
}

// protected requires Pulumi's own protection.
var protected = that(func(_ *World, r graph.Resource) string {
	if !r.Protect {
		return "it is not protected"
	}
	return ""
})

// parameter requires a value in the database's own parameter group; "" allows any value.
func parameter(name, value string) Check {
	return that(func(w *World, r graph.Resource) string {
		for _, g := range w.To(r, "parameterGroupName", rdsParameterGroup) {
			for _, p := range list(g, "parameters") {
				if at(p, "name") != name {
					continue
				}
				if got := at(p, "value"); value != "" && !equal(got, value) {
					return fmt.Sprintf("%s is %v, want %s", name, got, value)
				}
				return ""
			}
			return g.Name + " does not set " + name
		}
		return "it has no parameter group of its own"
	})
}

// databaseLogs: RDS creates missing groups itself, without retention or key.
func databaseLogs(w *World, r graph.Resource) string {
	for _, export := range []string{"postgresql", "upgrade"} {
		if !slices.Contains(list(r, "enabledCloudwatchLogsExports"), any(export)) {
			return export + " is not exported"
		}
		name := "/aws/rds/instance/" + text(r, "identifier") + "/" + export
		group := slices.IndexFunc(w.Type(logGroup), func(g graph.Resource) bool { return text(g, "name") == name })
		if group < 0 {
			return "there is no log group " + name
		}
		if !slices.Contains(r.DependsOn, w.Type(logGroup)[group].Key()) {
			return "it does not wait for the log group " + name
		}
	}
	return ""
}

func eventRuleOf(id, name, source string, categories ...string) Rule {
	return Rule{name, []string{id}, "Events of a " + source + " are reported", Production,
		of(rdsInstance).where(func(_ *World, r graph.Resource) bool { return !isReplica(r) }), that(func(w *World, _ graph.Resource) string {
			for _, s := range w.Type(rdsEvents) {
				if text(s, "sourceType") != source || !w.reachesTopic(s, "snsTopic") || equal(get(s, "enabled"), false) {
					continue
				}
				for _, c := range categories {
					if !slices.Contains(list(s, "eventCategories"), any(c)) {
						return fmt.Sprintf("no subscription for %q", c)
					}
				}
				return ""
			}
			return "no subscription for events of a " + source
		})}
}

func password(w *World, r graph.Resource) string {
	if !equal(get(r, "password", "secret"), true) {
		return "its password is not a secret"
	}
	return each(w.To(r, "password", randomPassword), "its password is not random", func(p graph.Resource) string {
		if n, _ := number(get(p, "length")); n < 16 || n > 128 {
			return fmt.Sprintf("the password's length is %v", get(p, "length"))
		}
		if special := text(p, "overrideSpecial"); !equal(get(p, "special"), false) && (special == "" || strings.ContainsAny(special, `/"@ `)) {
			return fmt.Sprintf("the password may contain characters that RDS refuses: %q", special)
		}
		if !slices.Contains(p.IgnoreChanges, "length") || empty(get(p, "keepers")) {
			return "a change of other inputs than its keepers would rotate the password"
		}
		return ""
	})
}
