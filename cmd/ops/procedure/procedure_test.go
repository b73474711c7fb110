package procedure

import (
	"context"
	"os/exec"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/stretchr/testify/require"

	"scalable-backend/cmd/ops/opstest"
)

func TestKebab(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"DescribeDBInstances": "describe-db-instances", "RestoreDBInstanceToPointInTime": "restore-db-instance-to-point-in-time",
		"RestoreDBInstanceFromDBSnapshot":    "restore-db-instance-from-db-snapshot",
		"DescribeDBInstanceAutomatedBackups": "describe-db-instance-automated-backups",
		"GetSecretValue":                     "get-secret-value",
		"SendCommand":                        "send-command", "DescribeAutoScalingGroups": "describe-auto-scaling-groups",
		"GetAWSDefaultServiceQuota": "get-aws-default-service-quota",
	} {
		require.Equal(t, want, kebab(name))
	}
}

func TestCLI(t *testing.T) {
	t.Parallel()
	words, err := CLI("rds", &rds.RestoreDBInstanceToPointInTimeInput{
		TargetDBInstanceIdentifier: aws.String("<it's>"), RestoreTime: aws.Time(time.Date(2026, 1, 31, 3, 0, 0, 0, time.UTC)),
		MultiAZ: aws.Bool(false),
	})
	require.NoError(t, err)
	require.Equal(t, `aws rds restore-db-instance-to-point-in-time --cli-input-json `+
		`'{"MultiAZ":false,"RestoreTime":"2026-01-31T03:00:00Z","TargetDBInstanceIdentifier":"<it'\''s>"}'`, Line(words...))
	words, err = CLI("rds", &rds.DescribeDBInstancesInput{})
	require.NoError(t, err)
	require.Equal(t, []string{"aws", "rds", "describe-db-instances"}, words)
	words, err = CLI("ssm", &ssm.SendCommandInput{Targets: []types.Target{{Key: aws.String("tag:a"), Values: []string{"b"}}}})
	require.NoError(t, err)
	require.Equal(t, `{"Targets":[{"Key":"tag:a","Values":["b"]}]}`, words[len(words)-1])
}

// A shell reads what was written.
func TestLine(t *testing.T) {
	t.Parallel()
	for _, words := range [][]string{{"a", ""}, {"it's", `"x"`, "$HOME", "`id`", "a\nb", "a;b", "~", "*", "-n", "é"}} {
		out, err := exec.CommandContext(t.Context(), "sh", "-c", `printf '[%s]' `+Line(words...)).Output()
		require.NoError(t, err)
		want := ""
		for _, word := range words {
			want += "[" + word + "]"
		}
		require.Equal(t, want, string(out))
	}
}

func TestReadIsSilent(t *testing.T) {
	t.Parallel()
	b := opstest.NewBench(t, opstest.NewAWS(t))
	r := &Run{Env: b.Env}
	made := 0
	call := func(context.Context, *rds.DescribeDBInstancesInput, ...func(*rds.Options)) (*rds.DescribeDBInstancesOutput, error) {
		made++
		return &rds.DescribeDBInstancesOutput{}, nil
	}
	_, err := Read(t.Context(), r, "rds", call, &rds.DescribeDBInstancesInput{}, nil)
	require.NoError(t, err)
	require.Empty(t, b.Out.String())
	_, err = Do(t.Context(), r, "rds", call, &rds.DescribeDBInstancesInput{}, nil)
	require.NoError(t, err)
	require.Equal(t, "  aws rds describe-db-instances\n", b.Out.String())
	r.Dry = true
	dry := &rds.DescribeDBInstancesOutput{}
	out, err := Read(t.Context(), r, "rds", call, &rds.DescribeDBInstancesInput{}, dry)
	require.NoError(t, err)
	require.Same(t, dry, out)
	require.Equal(t, 2, made)
}
