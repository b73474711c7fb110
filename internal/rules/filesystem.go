package rules

import "scalable-backend/internal/graph"

func fileSystemRules() []Rule {
	fs := of(fileSystem)
	volume := of(ecsTask).where(func(_ *World, r graph.Resource) bool { return len(efsVolumes(r)) > 0 })
	return []Rule{
		{"file-system-encrypted", ids("EFS.1 C_42 C_184 T0037 G-efs-encrypted S-EFS1 R-EFSEncrypted EFS.8"),
			"Files are encrypted with the stack's key", Everywhere,
			fs, all(is(true, "encrypted"), refers("kmsKeyId", kmsKey))},
		{"access-point-directory", ids("EFS.3 C_329"), "An access point gives access to one directory", Everywhere,
			of(accessPoint), all(has("rootDirectory", "path"), isNot("/", "rootDirectory", "path"))},
		{"access-point-user", ids("EFS.4 C_330"), "An access point uses one user that is not root", Everywhere,
			of(accessPoint), all(atLeast(1, "posixUser", "uid"), atLeast(1, "posixUser", "gid"))},
		{"file-system-tls", ids("C_97 T0035"), "Volumes are mounted with TLS and the task's role", Everywhere,
			volume, that(func(_ *World, r graph.Resource) string {
				for _, v := range efsVolumes(r) {
					if at(v, "transitEncryption") != "ENABLED" || at(v, "authorizationConfig", "iam") != "ENABLED" ||
						empty(at(v, "authorizationConfig", "accessPointId")) {
						return "a volume is mounted without TLS, IAM role or access point"
					}
				}
				return ""
			})},
		{"file-system-backup", ids("EFS.2 EFS.7 R-EFSInBackupPlan"), "AWS Backup covers the file system", Everywhere,
			fs, satellite(backupSelection, "resources", anything)},
		{"file-system-policy", nil, "The file system refuses connections without TLS", Everywhere,
			fs, satellite(fileSystemPolicy, "fileSystemId", that(func(_ *World, r graph.Resource) string {
				d, err := document(r, "policy")
				if err != nil {
					return err.Error()
				}
				if !deniesPlainText(d) {
					return "it allows connections without TLS"
				}
				return ""
			}))},
	}
}

func efsVolumes(r graph.Resource) (found []any) {
	for _, v := range list(r, "volumes") {
		if efs := at(v, "efsVolumeConfiguration"); efs != nil {
			found = append(found, efs)
		}
	}
	return found
}
