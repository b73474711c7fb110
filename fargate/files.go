package fargate

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/efs"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/component"
	"scalable-backend/internal/container"
	"scalable-backend/internal/policy"
)

// files is the agents' shared file system. Without PersistentStorage its outputs are "", and nothing mounts it.
type files struct {
	fileSystemID, fileSystemARN   pulumi.StringOutput
	mountableID                   pulumi.StringOutput // the file system's, known when a task can mount it
	accessPointID, accessPointARN pulumi.StringOutput
	ready                         []pulumi.Resource // what has to exist before a task mounts it
}

// newFiles creates the file system, its access point, its policy and its mount targets.
func (b *builder) newFiles(r *roles) (*files, error) {
	if !b.args.PersistentStorage {
		none := pulumi.String("").ToStringOutput()
		return &files{fileSystemID: none, fileSystemARN: none, accessPointID: none, accessPointARN: none}, nil
	}
	system, err := efs.NewFileSystem(b.Ctx, b.Name("files"), &efs.FileSystemArgs{
		Encrypted:       pulumi.Bool(true),
		KmsKeyId:        b.args.DataKeyARN.ToStringOutput(),
		PerformanceMode: pulumi.String("generalPurpose"),
		ThroughputMode:  pulumi.String("elastic"),
		Tags:            b.Tags("files"),
	}, b.Options()...)
	if err != nil {
		return nil, fmt.Errorf("creating file system: %w", err)
	}
	uid, gid, err := container.ParseUser(b.args.Program.User)
	if err != nil {
		return nil, err
	}
	point, err := efs.NewAccessPoint(b.Ctx, b.Name("files"), &efs.AccessPointArgs{
		FileSystemId: system.ID(),
		PosixUser:    efs.AccessPointPosixUserArgs{Uid: pulumi.Int(uid), Gid: pulumi.Int(gid)},
		RootDirectory: efs.AccessPointRootDirectoryArgs{
			Path: pulumi.String("/agents"),
			CreationInfo: efs.AccessPointRootDirectoryCreationInfoArgs{
				OwnerUid: pulumi.Int(uid), OwnerGid: pulumi.Int(gid), Permissions: pulumi.String("0750"),
			},
		},
		Tags: b.Tags("files"),
	}, b.Options()...)
	if err != nil {
		return nil, fmt.Errorf("creating access point: %w", err)
	}
	f := &files{
		fileSystemID: system.ID().ToStringOutput(), fileSystemARN: system.Arn,
		accessPointID: point.ID().ToStringOutput(), accessPointARN: point.Arn,
	}
	resourcePolicy, err := efs.NewFileSystemPolicy(b.Ctx, b.Name("files"), &efs.FileSystemPolicyArgs{
		FileSystemId: system.ID(),
		Policy:       policy.JSON(fileStatements(f, r.task.Arn)...),
	}, b.Options()...)
	if err != nil {
		return nil, fmt.Errorf("creating policy of the file system: %w", err)
	}
	f.ready = append(f.ready, resourcePolicy)
	mountable := []any{resourcePolicy.ID()}
	subnets := b.args.SubnetIDs.ToStringArrayOutput()
	for zone := range b.args.ZoneCount {
		target, err := efs.NewMountTarget(b.Ctx, b.Name(fmt.Sprintf("files-%d", zone+1)), &efs.MountTargetArgs{
			FileSystemId:   system.ID(),
			SubnetId:       subnets.Index(pulumi.Int(zone)),
			SecurityGroups: pulumi.StringArray{b.args.FileSystemSecurityGroupID},
		}, b.Options()...)
		if err != nil {
			return nil, fmt.Errorf("creating mount target %d: %w", zone+1, err)
		}
		f.ready = append(f.ready, target)
		mountable = append(mountable, target.ID())
	}
	// A revision of the tasks that mounts it exists only then: whatever starts tasks of it does not race the mount targets.
	f.mountableID = component.After(system.ID(), mountable...)
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
