package fargate

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/efs"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/policy"
)

// files is the shared volume on which a replaced task finds its partial files. Without persistent storage all ids are empty.
type files struct {
	fileSystemID, fileSystemARN   pulumi.StringOutput
	accessPointID, accessPointARN pulumi.StringOutput
	ready                         []pulumi.Resource // what a task needs in order to mount
}

func (t *tier) newFiles(r *roles) (*files, error) {
	if !t.args.PersistentStorage {
		none := pulumi.String("").ToStringOutput()
		return &files{fileSystemID: none, fileSystemARN: none, accessPointID: none, accessPointARN: none}, nil
	}
	system, err := efs.NewFileSystem(t.ctx, t.name+"-files", &efs.FileSystemArgs{
		Encrypted:       pulumi.Bool(true),
		KmsKeyId:        t.args.DataKeyARN.ToStringOutput(),
		PerformanceMode: pulumi.String("generalPurpose"),
		ThroughputMode:  pulumi.String("elastic"),
		Tags:            t.tags("files"),
	}, t.child)
	if err != nil {
		return nil, fmt.Errorf("creating file system: %w", err)
	}
	owner := pulumi.Int(containerUser)
	point, err := efs.NewAccessPoint(t.ctx, t.name+"-files", &efs.AccessPointArgs{
		FileSystemId: system.ID(),
		PosixUser:    efs.AccessPointPosixUserArgs{Uid: owner, Gid: owner},
		RootDirectory: efs.AccessPointRootDirectoryArgs{
			Path: pulumi.String("/agents"),
			CreationInfo: efs.AccessPointRootDirectoryCreationInfoArgs{
				OwnerUid: owner, OwnerGid: owner, Permissions: pulumi.String("0750"),
			},
		},
		Tags: t.tags("files"),
	}, t.child)
	if err != nil {
		return nil, fmt.Errorf("creating access point: %w", err)
	}
	f := &files{
		fileSystemID: system.ID().ToStringOutput(), fileSystemARN: system.Arn,
		accessPointID: point.ID().ToStringOutput(), accessPointARN: point.Arn,
	}
	guard, err := efs.NewFileSystemPolicy(t.ctx, t.name+"-files", &efs.FileSystemPolicyArgs{
		FileSystemId: system.ID(),
		Policy:       policy.JSON(fileStatements(f, r.task.Arn)...),
	}, t.child)
	if err != nil {
		return nil, fmt.Errorf("creating policy of the file system: %w", err)
	}
	f.ready = append(f.ready, guard)
	subnets := t.args.SubnetIDs.ToStringArrayOutput()
	for zone := range t.args.ZoneCount {
		target, err := efs.NewMountTarget(t.ctx, fmt.Sprintf("%s-files-%d", t.name, zone+1), &efs.MountTargetArgs{
			FileSystemId:   system.ID(),
			SubnetId:       subnets.Index(pulumi.Int(zone)),
			SecurityGroups: pulumi.StringArray{t.args.FileSystemSecurityGroupID},
		}, t.child)
		if err != nil {
			return nil, fmt.Errorf("creating mount target %d: %w", zone+1, err)
		}
		f.ready = append(f.ready, target)
	}
	return f, nil
}

// fileStatements replace a file system's default, which lets in everyone who reaches a mount target.
func fileStatements(f *files, taskRole pulumi.StringInput) []policy.Statement {
	return []policy.Statement{
		{
			Sid:        "Agents",
			Effect:     policy.Allow,
			Principals: []policy.Principal{policy.AWS(taskRole)},
			Actions:    []string{"elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"},
			Resources:  []pulumi.StringInput{f.fileSystemARN},
			Conditions: []policy.Condition{
				{Test: "StringEquals", Key: "elasticfilesystem:AccessPointArn", Values: []pulumi.StringInput{f.accessPointARN}},
				{Test: "Bool", Key: "elasticfilesystem:AccessedViaMountTarget", Values: policy.Strings("true")},
			},
		},
		{
			// Everyone, because it denies: no one mounts without TLS. Written as EFS writes it in its own policies.
			Sid:        "OnlyTLS",
			Effect:     policy.Deny,
			Principals: []policy.Principal{policy.AWS(pulumi.String("*"))},
			Actions: []string{
				"elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite", "elasticfilesystem:ClientRootAccess",
			},
			Resources:  []pulumi.StringInput{f.fileSystemARN},
			Conditions: []policy.Condition{{Test: "Bool", Key: "aws:SecureTransport", Values: policy.Strings("false")}},
		},
	}
}
