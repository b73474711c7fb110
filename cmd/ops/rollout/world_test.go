package rollout_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"scalable-backend/cmd/ops/opstest"
)

const (
	registry = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/scalable-backend/prod/"
	arnOf    = "arn:aws:ecs:eu-central-1:111122223333:"
	caller   = "arn:aws:sts::111122223333:assumed-role/deploy/ci"
	gateway  = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:loadbalancer/net/compute-nlb/2"
)

// digest is one that can be told from others at a glance.
func digest(c string) string { return "sha256:" + strings.Repeat(c, 64) }

// world is a stack in AWS whose update to version 7 and revision 12 has just gone well. A test changes what is different.
type world struct {
	aws     *opstest.AWS
	bench   *opstest.Bench
	outputs map[string]any
	doors   *doors
	dir     string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	a := opstest.NewAWS(t)
	w := &world{aws: a, bench: opstest.NewBench(t, a), doors: newDoors(t), outputs: map[string]any{
		"autoScalingGroupName": "compute-group-1", "clusterName": "fargate-cluster-1", "serviceName": "fargate-agent-1",
		"backendImage": registry + "backend@" + digest("7"), "agentImage": registry + "agent@" + digest("c"),
		"loadBalancerArn":        "arn:aws:elasticloadbalancing:eu-central-1:111122223333:loadbalancer/app/compute-alb/1",
		"gatewayLoadBalancerArn": gateway,
		"loadBalancerUrl":        "https://backend.example.com", "apiUrl": "https://api.example.com/live",
		"logGroups": map[string]string{"backend": "compute-logs-1", "agents": "fargate-logs-1"},
	}}
	w.bench.HTTP = w.doors.transport
	w.dir = opstest.Project(t, "Pulumi.yaml", "name: scalable-backend\nruntime: go\n",
		"Pulumi.prod.yaml", "config:\n  aws:region: eu-central-1\n")
	a.On("DescribeAutoScalingGroups", group(7, in("a", 7), in("b", 7), in("c", 7)))
	a.On("DescribeInstanceRefreshes", refresh("Successful", "", 100))
	a.On("DescribeLaunchTemplateVersions", templateVersion(7, "7"))
	a.On(
		"DescribeTargetGroups",
		opstest.Answer{Body: "<TargetGroups><member><TargetGroupArn>tg-gateway</TargetGroupArn><LoadBalancerArns><member>" +
			gateway + "</member></LoadBalancerArns></member><member><TargetGroupArn>tg-public</TargetGroupArn></member></TargetGroups>"},
	)
	a.On("DescribeTargetHealth", health("a", "b", "c"))
	a.On("DescribeServices", service(12, deployment("PRIMARY", 12, "COMPLETED", 2, 2, "")))
	a.On("ListTaskDefinitions", taskList(12, 11, 10))
	a.On("DescribeTaskDefinition", taskDefinition(12, "c"))
	a.On("ListTasks", opstest.Answer{Body: text(map[string]any{"taskArns": []string{arnOf + "task/1", arnOf + "task/2"}})})
	a.On("DescribeTasks", tasks(running(12, "c"), running(12, "c")))
	return w
}

// run calls the command through the world and returns what it printed, as a session on a shell.
func (w *world) run(t *testing.T, args string) (session string, status int) {
	t.Helper()
	out, err := json.Marshal(w.outputs)
	require.NoError(t, err)
	w.bench.Programs["pulumi stack output --json --show-secrets=false --non-interactive --stack prod"] = string(out)
	line := append(strings.Fields(args), "-C", w.dir)
	status = invoke(t.Context(), w.bench, line)
	session = fmt.Sprintf("$ ops rollout %s\n%s%s(exit status %d)\n", args, w.bench.Out, w.bench.Err, status)
	return session, status
}

func text(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

// at is a time of the update: it began at 04:00.
func at(clock string) string { return "2026-02-03T" + clock + "Z" }

func seconds(clock string) float64 {
	when, err := time.Parse(time.RFC3339, at(clock))
	if err != nil {
		panic(err)
	}
	return float64(when.Unix())
}

// instance is one of the group's.
type instance struct {
	name, state string
	version     int
}

func in(name string, version int) instance      { return instance{name, "InService", version} }
func pending(name string, version int) instance { return instance{name, "Pending", version} }

func id(name string) string { return "i-0" + strings.Repeat(name, 16) }

// group is DescribeAutoScalingGroups of three instances that are wanted.
func group(launches int, instances ...instance) opstest.Answer {
	return groupOf(fmt.Sprintf("<LaunchTemplate><LaunchTemplateId>lt-1</LaunchTemplateId><LaunchTemplateName>n</LaunchTemplateName>"+
		"<Version>%d</Version></LaunchTemplate>", launches), instances...)
}

func groupOf(template string, instances ...instance) opstest.Answer {
	body := "<AutoScalingGroups><member><AutoScalingGroupName>compute-group-1</AutoScalingGroupName>" +
		"<DesiredCapacity>3</DesiredCapacity>" + template +
		"<TargetGroupARNs><member>tg-public</member><member>tg-gateway</member></TargetGroupARNs><Instances>"
	for _, i := range instances {
		body += fmt.Sprintf("<member><InstanceId>%s</InstanceId><LifecycleState>%s</LifecycleState><HealthStatus>Healthy</HealthStatus>"+
			"<LaunchTemplate><LaunchTemplateId>lt-1</LaunchTemplateId><Version>%d</Version></LaunchTemplate></member>", id(i.name), i.state,
			i.version)
	}
	return opstest.Answer{Body: body + "</Instances></member></AutoScalingGroups>"}
}

// refresh is DescribeInstanceRefreshes of one that began with the update.
func refresh(status, reason string, percent int) opstest.Answer {
	body := "<InstanceRefreshes><member><InstanceRefreshId>r-1</InstanceRefreshId><Status>" + status + "</Status>"
	if reason != "" {
		body += "<StatusReason>" + reason + "</StatusReason>"
	}
	if status == "Successful" {
		body += "<EndTime>" + at("04:04:40") + "</EndTime>"
	}
	return opstest.Answer{
		Body: body + fmt.Sprintf("<StartTime>%s</StartTime><PercentageComplete>%d</PercentageComplete></member></InstanceRefreshes>",
			at("04:00:30"), percent),
	}
}

func script(image string) string {
	return base64.StdEncoding.EncodeToString(
		[]byte("#!/bin/bash\nif docker image inspect '" + image + "' > /dev/null 2>&1; then exit 0; fi\n" +
			"docker pull --quiet '" + image + "'\n"),
	)
}

// templateVersion is DescribeLaunchTemplateVersions of one version with an image.
func templateVersion(number int, image string) opstest.Answer {
	return opstest.Answer{Body: "<launchTemplateVersionSet>" + versionItem(number, image) + "</launchTemplateVersionSet>"}
}

func versionItem(number int, image string) string {
	return fmt.Sprintf("<item><launchTemplateId>lt-1</launchTemplateId><versionNumber>%d</versionNumber><createTime>%s</createTime>"+
		"<launchTemplateData><userData>%s</userData></launchTemplateData></item>", number, at("04:00:00"),
		script(registry+"backend@"+digest(image)))
}

// health is DescribeTargetHealth; a name may be followed by state, reason and description: "a=unhealthy,Target.Timeout,Request timed out".
func health(targets ...string) opstest.Answer {
	body := "<TargetHealthDescriptions>"
	for _, target := range targets {
		name, state, _ := strings.Cut(target, "=")
		parts := strings.SplitN(state+",,", ",", 3)
		if state == "" {
			parts[0] = "healthy"
		}
		body += fmt.Sprintf("<member><Target><Id>%s</Id><Port>8080</Port></Target><TargetHealth><State>%s</State><Reason>%s</Reason>"+
			"<Description>%s</Description></TargetHealth></member>", id(name), parts[0], parts[1], strings.TrimRight(parts[2], ","))
	}
	return opstest.Answer{Body: body + "</TargetHealthDescriptions>"}
}

// activities is DescribeScalingActivities; each is clock|status|description|message|cause.
func activities(lines ...string) opstest.Answer {
	body := "<Activities>"
	for _, line := range lines {
		p := strings.Split(line+"||||", "|")
		body += fmt.Sprintf("<member><ActivityId>x</ActivityId><AutoScalingGroupName>g</AutoScalingGroupName><StartTime>%s</StartTime>"+
			"<StatusCode>%s</StatusCode><Description>%s</Description><StatusMessage>%s</StatusMessage><Cause>%s</Cause></member>", at(p[0]), p[1],
			p[2], p[3], p[4])
	}
	return opstest.Answer{Body: body + "</Activities>"}
}

func task(revision int) string { return fmt.Sprintf(arnOf+"task-definition/prod-agent:%d", revision) }

func taskList(revisions ...int) opstest.Answer {
	var arns []string
	for _, r := range revisions {
		arns = append(arns, task(r))
	}
	return opstest.Answer{Body: text(map[string]any{"taskDefinitionArns": arns})}
}

func taskDefinition(revision int, image string) opstest.Answer {
	return opstest.Answer{Body: text(map[string]any{"taskDefinition": map[string]any{
		"taskDefinitionArn": task(revision), "status": "ACTIVE",
		"containerDefinitions": []any{map[string]any{"name": "agent", "image": registry + "agent@" + digest(image)}},
	}})}
}

// deployment is one of a service.
func deployment(status string, revision int, state string, desired, running int, reason string) map[string]any {
	return map[string]any{"id": fmt.Sprintf("ecs-svc/%d", revision), "status": status, "taskDefinition": task(revision), "rolloutState": state,
		"rolloutStateReason": reason, "desiredCount": desired, "runningCount": running, "pendingCount": 0}
}

// service is DescribeServices.
func service(revision int, deployments ...map[string]any) opstest.Answer {
	return opstest.Answer{Body: text(map[string]any{"services": []any{map[string]any{
		"serviceName": "fargate-agent-1", "status": "ACTIVE", "taskDefinition": task(revision), "desiredCount": 2, "deployments": deployments,
		"events": []any{map[string]any{"createdAt": seconds("04:03:00"), "message": "(service fargate-agent-1) was unable to place a task."}},
	}}})}
}

func running(revision int, image string) map[string]any {
	return map[string]any{"taskArn": arnOf + "task/fargate-cluster-1/run", "taskDefinitionArn": task(revision), "lastStatus": "RUNNING",
		"containers": []any{map[string]any{"name": "agent", "lastStatus": "RUNNING", "imageDigest": digest(image)}}}
}

// stopped is a task of revision 12 that has stopped.
func stopped(code, reason string, container map[string]any) map[string]any {
	container["name"] = "agent"
	return map[string]any{"taskArn": arnOf + "task/fargate-cluster-1/0a1b2c", "taskDefinitionArn": task(12), "lastStatus": "STOPPED",
		"stopCode": code, "stoppedReason": reason, "stoppedAt": seconds("04:02:00"), "containers": []any{container}}
}

func tasks(all ...map[string]any) opstest.Answer {
	return opstest.Answer{Body: text(map[string]any{"tasks": all})}
}

// logLines is GetLogEvents.
func logLines(lines ...string) opstest.Answer {
	var events []any
	for _, line := range lines {
		events = append(events, map[string]any{"timestamp": 1, "message": line})
	}
	return opstest.Answer{Body: text(map[string]any{"events": events})}
}
