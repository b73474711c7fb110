package restore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	autoscalingtypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"scalable-backend/cmd/ops/command"
	"scalable-backend/cmd/ops/procedure"
)

const (
	refreshTime = 3 * time.Hour
	commandTime = 15 * time.Minute
	// replacing is the process by which health checks would take backends away that have no database.
	replacing = "ReplaceUnhealthy"
)

// keepObjects lets the backends keep objects that the catalogue does not name: an older database does not name the newest.
func (p *restoring) keepObjects(ctx context.Context, lost bool) error {
	for _, key := range []string{"keepObjects", "ignoreRollbackAlarms"} {
		if p.Stack.Config("compute", key) == "true" {
			continue
		}
		if err := p.Set(ctx, "compute."+key, "true"); err != nil {
			return err
		}
	}
	if err := p.Up(ctx); err != nil {
		return err
	}
	if lost {
		return p.byHand(ctx)
	}
	return p.refreshed(ctx)
}

// refreshed waits until every instance has the setting.
func (p *restoring) refreshed(ctx context.Context) error {
	defer p.print.Done()
	for end := p.Env.Now().Add(refreshTime); ; {
		found, err := procedure.Read(ctx, p.Run, "autoscaling", p.group.DescribeInstanceRefreshes,
			&autoscaling.DescribeInstanceRefreshesInput{AutoScalingGroupName: aws.String(p.asg), MaxRecords: aws.Int32(1)},
			&autoscaling.DescribeInstanceRefreshesOutput{})
		if err != nil {
			return err
		}
		if len(found.InstanceRefreshes) == 0 {
			return nil // the instances were made with the setting
		}
		refresh := found.InstanceRefreshes[0]
		switch refresh.Status {
		case autoscalingtypes.InstanceRefreshStatusSuccessful:
			return nil
		case autoscalingtypes.InstanceRefreshStatusFailed, autoscalingtypes.InstanceRefreshStatusCancelled,
			autoscalingtypes.InstanceRefreshStatusRollbackFailed, autoscalingtypes.InstanceRefreshStatusRollbackSuccessful:
			return fmt.Errorf("the instance refresh of %s is %s: %s", p.asg, refresh.Status, aws.ToString(refresh.StatusReason))
		default:
			p.print.Going("instance refresh: %s, %d %%", refresh.Status, aws.ToInt32(refresh.PercentageComplete))
		}
		if p.Env.Now().After(end) {
			return command.With(command.Unfinished, fmt.Errorf("the instance refresh of %s has not ended after %s: run it again", p.asg,
				refreshTime))
		}
		if err := p.Env.Sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// setting is run on each instance, as the update writes it for those that are launched from now on.
const setting = "grep -q BUCKET_SWEEP /etc/backend/environment || echo BACKEND_BUCKET_SWEEP_INTERVAL=0 >> /etc/backend/environment"

// byHand gives the setting to the instances that run. Without a database no new instance becomes healthy, so a refresh would not end, and
// the group would replace those that there are.
func (p *restoring) byHand(ctx context.Context) error {
	_, err := procedure.Do(ctx, p.Run, "autoscaling", p.group.CancelInstanceRefresh,
		&autoscaling.CancelInstanceRefreshInput{AutoScalingGroupName: aws.String(p.asg)}, nil)
	var none *autoscalingtypes.ActiveInstanceRefreshNotFoundFault
	if err != nil && !errors.As(err, &none) {
		return err
	}
	if _, err := procedure.Do(ctx, p.Run, "autoscaling", p.group.SuspendProcesses,
		&autoscaling.SuspendProcessesInput{AutoScalingGroupName: aws.String(p.asg), ScalingProcesses: []string{replacing}}, nil); err != nil {
		return err
	}
	sent, err := procedure.Do(ctx, p.Run, "ssm", p.ssm.SendCommand, &ssm.SendCommandInput{
		DocumentName: aws.String("AWS-RunShellScript"),
		Targets:      []ssmtypes.Target{{Key: aws.String("tag:aws:autoscaling:groupName"), Values: []string{p.asg}}},
		Parameters:   map[string][]string{"commands": {setting, "systemctl restart backend"}},
	}, &ssm.SendCommandOutput{Command: &ssmtypes.Command{CommandId: aws.String("<command id>")}})
	if err != nil {
		return err
	}
	reached, err := p.done(ctx, aws.ToString(sent.Command.CommandId))
	if err != nil {
		return err
	}
	running, err := p.instances(ctx)
	if err != nil {
		return err
	}
	missed := slices.DeleteFunc(running, func(id string) bool { return slices.Contains(reached, id) })
	if len(missed) > 0 {
		return unreached(missed)
	}
	return nil
}

// instances are those of the group that serve, or did until they lost their database.
func (p *restoring) instances(ctx context.Context) (out []string, err error) {
	groups, err := p.groups(ctx)
	for _, group := range groups {
		for _, i := range group.Instances {
			if i.LifecycleState == autoscalingtypes.LifecycleStateInService {
				out = append(out, aws.ToString(i.InstanceId))
			}
		}
	}
	return out, err
}

func (p *restoring) groups(ctx context.Context) ([]autoscalingtypes.AutoScalingGroup, error) {
	found, err := procedure.Read(ctx, p.Run, "autoscaling", p.group.DescribeAutoScalingGroups,
		&autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{p.asg}}, &autoscaling.DescribeAutoScalingGroupsOutput{})
	if err != nil {
		return nil, err
	}
	return found.AutoScalingGroups, nil
}

func unreached(ids []string) error {
	return fmt.Errorf("the setting did not reach %s: terminate each (aws autoscaling terminate-instance-in-auto-scaling-group "+
		"--no-should-decrement-desired-capacity --instance-id <id>), and run it again", strings.Join(ids, ", "))
}

// done waits until a command has ended on each instance, and returns those where it did its work.
func (p *restoring) done(ctx context.Context, id string) (reached []string, err error) {
	for end := p.Env.Now().Add(commandTime); ; {
		all, err := p.invocations(ctx, id)
		if err != nil {
			return nil, err
		}
		waiting, failed := len(all) == 0, []string{}
		reached = nil
		for _, one := range all {
			switch one.Status {
			case ssmtypes.CommandInvocationStatusSuccess:
				reached = append(reached, aws.ToString(one.InstanceId))
			case ssmtypes.CommandInvocationStatusPending, ssmtypes.CommandInvocationStatusInProgress, ssmtypes.CommandInvocationStatusDelayed,
				ssmtypes.CommandInvocationStatusCancelling:
				waiting = true
			default:
				failed = append(failed, aws.ToString(one.InstanceId))
			}
		}
		switch {
		case len(failed) > 0:
			return nil, unreached(failed)
		case !waiting:
			return reached, nil
		case p.Env.Now().After(end):
			return nil, command.With(command.Unfinished, fmt.Errorf("the setting has not reached every instance after %s: run it again",
				commandTime))
		}
		if err := p.Env.Sleep(ctx, 5*time.Second); err != nil {
			return nil, err
		}
	}
}

// invocations are those of a command, of every page.
func (p *restoring) invocations(ctx context.Context, id string) (all []ssmtypes.CommandInvocation, err error) {
	in := &ssm.ListCommandInvocationsInput{CommandId: aws.String(id)}
	for {
		page, err := procedure.Read(ctx, p.Run, "ssm", p.ssm.ListCommandInvocations, in,
			&ssm.ListCommandInvocationsOutput{CommandInvocations: []ssmtypes.CommandInvocation{{Status: ssmtypes.CommandInvocationStatusSuccess}}})
		if err != nil {
			return nil, err
		}
		all = append(all, page.CommandInvocations...)
		if aws.ToString(page.NextToken) == "" {
			return all, nil
		}
		in.NextToken = page.NextToken
	}
}

// resume lets the group replace instances again, if it was told not to.
func (p *restoring) resume(ctx context.Context) error {
	groups, err := p.groups(ctx)
	if err != nil {
		return err
	}
	for _, group := range groups {
		for _, process := range group.SuspendedProcesses {
			if aws.ToString(process.ProcessName) != replacing {
				continue
			}
			_, err := procedure.Do(ctx, p.Run, "autoscaling", p.group.ResumeProcesses,
				&autoscaling.ResumeProcessesInput{AutoScalingGroupName: aws.String(p.asg), ScalingProcesses: []string{replacing}}, nil)
			return err
		}
	}
	return nil
}
