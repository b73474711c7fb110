package rules

import "scalable-backend/internal/graph"

func databaseCases() map[string][]example {
	const db, replica = "database-instance", "database-replica-1"
	rds := func(value any, path ...any) change { return set(rdsInstance, db, value, path...) }
	return map[string][]example{
		"database-encrypted": {
			breaks(db, rds(false, "storageEncrypted")), breaks(db, drop(rdsInstance, db, "kmsKeyId")),
			breaks(replica, drop(rdsInstance, replica, "storageEncrypted")),
		},
		"database-private": {breaks(db, rds(true, "publiclyAccessible")),
			breaks(replica, set(rdsInstance, replica, true, "publiclyAccessible"))},
		"database-multi-az":            {breaks(db, rds(false, "multiAz"))},
		"database-deletion-protection": {breaks(db, rds(false, "deletionProtection"))},
		"database-backups":             {breaks(db, drop(rdsInstance, db, "backupRetentionPeriod")), breaks(db, rds(0, "backupRetentionPeriod"))},
		"database-week-of-backups":     {breaks(db, rds(6, "backupRetentionPeriod")), breaks(db, rds(true, "deleteAutomatedBackups"))},
		"database-in-vpc":              {breaks(db, drop(rdsInstance, db, "dbSubnetGroupName"))},
		"database-backup-plan":         {mends(db, add(backupSelection, "all", nil, map[string]string{"resources": rdsInstance + "::" + db}))},
		"database-final-snapshot": {breaks(db, rds(true, "skipFinalSnapshot")),
			breaks(db, drop(rdsInstance, db, "finalSnapshotIdentifier"))},
		"database-iam":            {breaks(db, drop(rdsInstance, db, "iamDatabaseAuthenticationEnabled"))},
		"database-minor-upgrades": {breaks(db, rds("17.4", "engineVersion")), breaks(db, rds(false, "autoMinorVersionUpgrade"))},
		"database-snapshot-tags":  {breaks(db, drop(rdsInstance, db, "copyTagsToSnapshot"))},
		"database-logs": {
			breaks(db, rds([]any{"postgresql"}, "enabledCloudwatchLogsExports")),
			breaks(db, without(rdsInstance, db, logGroup+"::database-logs-upgrade")),
			breaks(db, set(logGroup, "database-logs-postgresql", "/aws/rds/other", "name")),
		},
		"database-tls": {
			breaks(db, set(rdsParameterGroup, "database-parameters-17", "0", "parameters", 0, "value")),
			breaks(db, drop(rdsInstance, db, "parameterGroupName")),
		},
		"database-statements": {
			breaks(db, set(rdsParameterGroup, "database-parameters-17",
				[]any{map[string]any{"name": "log_statement", "value": "all"}}, "parameters")),
		},
		"database-enhanced-monitoring": {
			breaks(db, rds(0, "monitoringInterval")),
			breaks(db, replace(iamRole, "database-monitoring-role", "assumeRolePolicy", "monitoring.rds", "ec2")),
		},
		"database-insights":     {breaks(db, rds(false, "performanceInsightsEnabled"))},
		"database-insights-key": {breaks(db, drop(rdsInstance, db, "performanceInsightsKmsKeyId"))},
		"database-certificate":  {breaks(db, rds("rds-ca-2019", "caCertIdentifier"))},
		"database-port":         {mends(db, rds(6432, "port"))},
		"database-user":         {breaks(db, rds("postgres", "username")), breaks(db, drop(rdsInstance, db, "username"))},
		"database-events": {
			breaks(db, remove(rdsEvents, "database-instance-events")),
			breaks(db, set(rdsEvents, "database-instance-events", []any{"failure"}, "eventCategories")),
			breaks(db, drop(rdsEvents, "database-instance-events", "snsTopic")),
		},
		"parameter-events": {breaks(db, remove(rdsEvents, "database-parameter-events"))},
		"security-group-events": {mends(db, add(rdsEvents, "groups", map[string]any{"sourceType": "db-security-group",
			"eventCategories": []any{"configuration change", "failure"}}, map[string]string{"snsTopic": topic + "::alerts-topic"}))},
		"database-protected": {breaks(db, with(rdsInstance, db, func(r *graph.Resource) { r.Protect = false }))},
		"database-password": {
			breaks(db, rds("plain-text", "password")),
			breaks(db, set(randomPassword, "database-password", "/@", "overrideSpecial")),
			breaks(db, drop(randomPassword, "database-password", "overrideSpecial")),
			breaks(db, set(randomPassword, "database-password", 8, "length")),
			breaks(db, with(randomPassword, "database-password", func(r *graph.Resource) { r.IgnoreChanges = nil })),
		},

		"secret-key": {breaks("database-credentials", drop(secret, "database-credentials", "kmsKeyId"))},
		"secret-rotation": {mends("database-credentials", add(secretRotation, "rotate", nil,
			map[string]string{"secretId": secret + "::database-credentials"}))},
		"secret-value": {
			breaks("database-credentials", set(secretVersion, "database-credentials-version", "plain", "secretString")),
			breaks("compute-admin-token", remove(secretVersion, "compute-admin-token")),
		},
		"secret-auto-named":  {breaks("compute-admin-token", set(secret, "compute-admin-token", "fixed", "name"))},
		"secret-recovery":    {breaks("compute-admin-token", set(secret, "compute-admin-token", 0, "recoveryWindowInDays"))},
		"admin-token-length": {breaks("compute-admin-token", set(randomPassword, "compute-admin-token", 12, "length"))},
	}
}

func bucketCases() map[string][]example {
	const data = "storage-data"
	of := func(token, property string) map[string]string {
		return map[string]string{property: bucket + "::" + data}
	}
	return map[string][]example{
		"bucket-private": {
			breaks(data, remove(bucketPublicAccess, data)),
			breaks(data, set(bucketPublicAccess, data, false, "restrictPublicBuckets")),
			breaks("storage-logs", drop(bucketPublicAccess, "storage-logs", "ignorePublicAcls")),
		},
		"bucket-tls": {
			breaks(data, replace(bucketPolicy, data, "policy", `"false"`, `"true"`)),
			breaks(data, replace(bucketPolicy, data, "policy", `"s3:*"`, `"s3:GetObject"`)),
			breaks(data, replace(bucketPolicy, data, "policy", `,"arn:aws:s3:::storage-data/*"`, ``)),
			breaks(data, remove(bucketPolicy, data)),
			breaks(data, add(bucketPolicy, "second", nil, of(bucketPolicy, "bucket"))),
		},
		"bucket-closed": {
			breaks(data, replace(bucketPolicy, data, "policy", `"Effect":"Deny"`, `"Effect":"Allow"`)),
			breaks(data, replace(bucketPolicy, data, "policy", `"Condition"`, `"Comment"`)),
			breaks("storage-logs", replace(bucketPolicy, "storage-logs", "policy", `"Service":`, `"AWS":`)),
		},
		"bucket-encrypted": {
			breaks("storage-logs", remove(bucketEncryption, "storage-logs")),
			breaks(data, drop(bucketEncryption, data, "rules", 0, "applyServerSideEncryptionByDefault")),
		},
		"bucket-owner": {
			breaks(data, set(bucketOwnership, data, "ObjectWriter", "rule", "objectOwnership")),
			breaks(data, add(bucketACL, "acl", nil, of(bucketACL, "bucket"))),
		},
		"bucket-key": {
			breaks(data, set(bucketEncryption, data, "AES256", "rules", 0, "applyServerSideEncryptionByDefault", "sseAlgorithm")),
			breaks(data, drop(bucketEncryption, data, "rules", 0, "bucketKeyEnabled")),
		},
		"bucket-versioning": {breaks(data, set(bucketVersioning, data, "Suspended", "versioningConfiguration", "status"))},
		"bucket-lifecycle": {
			breaks(data, drop(bucketLifecycle, data, "rules", 0, "abortIncompleteMultipartUpload")),
			breaks(data, drop(bucketLifecycle, data, "rules", 0, "noncurrentVersionExpiration")),
			breaks(data, set(bucketLifecycle, data, "Disabled", "rules", 0, "status")),
			breaks(data, set(bucketLifecycle, data, "part/", "rules", 0, "filter", "prefix")),
			breaks(data, set(bucketLifecycle, data, 8, "rules", 0, "abortIncompleteMultipartUpload", "daysAfterInitiation")),
		},
		"bucket-access-log":  {breaks(data, remove(bucketLogging, data)), breaks(data, drop(bucketLogging, data, "targetBucket"))},
		"bucket-replication": {mends(data, add(bucketReplication, "away", nil, of(bucketReplication, "bucket")))},
		"bucket-events":      {mends(data, add(bucketNotification, "tell", nil, of(bucketNotification, "bucket")))},
		"bucket-object-lock": {mends(data, add(bucketObjectLock, "lock", nil, of(bucketObjectLock, "bucket")))},
		"bucket-mfa-delete":  {mends(data, set(bucketVersioning, data, "Enabled", "versioningConfiguration", "mfaDelete"))},
		"bucket-kept":        {breaks(data, set(bucket, data, true, "forceDestroy"))},
		"data-bucket-protected": {
			breaks(data, with(bucket, data, func(r *graph.Resource) { r.Protect = false })),
		},
	}
}
