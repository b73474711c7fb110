package rollout_test

import (
	"fmt"
	"net/http"

	"scalable-backend/cmd/ops/opstest"
)

var (
	old      = []instance{in("a", 6), in("b", 6), in("c", 6)}
	expired  = opstest.Answer{Code: "ExpiredToken", Message: "The security token included in the request is expired", Status: 403}
	expiredJ = opstest.Answer{Code: "ExpiredTokenException", Message: "The security token included in the request is expired"}
	noStream = opstest.Answer{Code: "ResourceNotFoundException", Message: "The specified log stream does not exist."}
	drop     = opstest.Answer{Drop: true}
)

// Each case is a golden file of testdata, as docs/ops.md shows them.
var cases = []struct {
	name   string
	args   string // besides -stack prod
	status int
	set    func(*world)
}{
	{"nothing-to-do", "", 0, func(w *world) {
		w.aws.On("DescribeInstanceRefreshes", opstest.Answer{Body: "<InstanceRefreshes></InstanceRefreshes>"})
	}},
	{"done", "", 0, func(w *world) {
		w.aws.On("DescribeAutoScalingGroups", group(7, old...), group(7, append(old[:3:3], pending("d", 7))...),
			group(7, in("d", 7), in("b", 6), in("c", 6)), group(7, in("d", 7), in("e", 7), in("f", 7)))
		w.aws.On(
			"DescribeInstanceRefreshes",
			refresh("Pending", "", 0),
			refresh("InProgress", "", 0),
			refresh("InProgress", "", 33),
			refresh("Successful", "", 100),
		)
		w.aws.On("DescribeTargetHealth", health("d", "e", "f"))
		w.aws.On("DescribeServices",
			service(12, deployment("PRIMARY", 12, "IN_PROGRESS", 2, 1, ""), deployment("ACTIVE", 11, "COMPLETED", 2, 2, "")),
			service(12, deployment("PRIMARY", 12, "COMPLETED", 2, 2, "")))
	}},
	{"refresh-failed-unhealthy", "", 1, func(w *world) {
		refreshFailed(w)
		w.aws.On("GetLogEvents", logLines(`{"level":"ERROR","msg":"cannot start","error":"migration 0042: column \"size\" does not exist"}`))
	}},
	{"refresh-failed-no-log", "-only backend", 1, func(w *world) {
		refreshFailed(w)
		w.aws.On("GetLogEvents", noStream)
		w.aws.On(
			"GetConsoleOutput",
			opstest.Answer{Body: "<output>YXR0ZW1wdCA2IGZhaWxlZDogZG5mIGluc3RhbGwgLS1hc3N1bWV5ZXMgLS1xdWlldCBkb2NrZXIgYXdzY2xpLTINChtbMzFt" +
				"Y2xvdWQtaW5pdFsxNTY2XTogRmFpbGVkIHRvIHJ1biBtb2R1bGUgc2NyaXB0cy11c2VyDQo=</output>"},
		)
	}},
	{"refresh-cancelled", "-only backend", 1, func(w *world) {
		w.aws.On("DescribeAutoScalingGroups", group(7, in("a", 7), in("b", 6), in("c", 6)))
		w.aws.On("DescribeInstanceRefreshes", refresh("Cancelling", "", 33), refresh("Cancelled", "Cancelled due to user request.", 33))
		w.aws.On("DescribeScalingActivities", activities())
	}},
	{"refresh-alarm", "-only backend", 1, func(w *world) {
		w.aws.On("DescribeAutoScalingGroups", group(7, in("a", 7), in("b", 6), in("c", 6)))
		w.aws.On(
			"DescribeInstanceRefreshes",
			refresh("Failed", "One or more of the specified CloudWatch alarms are in ALARM state: compute-errors-1.", 33),
		)
		w.aws.On("DescribeScalingActivities", activities())
	}},
	{"refresh-failed-instances-gone", "-only backend -doors=false", 1, func(w *world) {
		refreshFailed(w)
		w.aws.On("DescribeAutoScalingGroups", group(7, old...))
		w.aws.On("DescribeTargetHealth", health("a", "b", "c"))
		w.aws.On("GetLogEvents", logLines(`{"level":"ERROR","msg":"cannot start"}`))
	}},
	{"refresh-rolled-back", "-only backend", 1, func(w *world) {
		w.aws.On("DescribeAutoScalingGroups", group(7, old...))
		w.aws.On(
			"DescribeInstanceRefreshes",
			refresh("RollbackInProgress", "", 20),
			refresh("RollbackSuccessful", "Rollback requested by a user.", 0),
		)
		w.aws.On("DescribeScalingActivities", activities())
	}},
	{"refresh-timeout", "-only backend -timeout 1m", 3, func(w *world) {
		w.aws.On("DescribeAutoScalingGroups", group(7, append(old[:3:3], pending("d", 7))...))
		w.aws.On("DescribeInstanceRefreshes", refresh("InProgress", "", 0))
		w.aws.On("DescribeScalingActivities", activities(
			"04:04:00|Failed|Launching a new EC2 instance.|We currently do not have sufficient m7g.large capacity in the Availability Zone "+
				"you requested (eu-central-1b).|",
			"03:59:00|Failed|Launching a new EC2 instance: i-0.|an older one, which says nothing of this rollout|",
		))
	}},
	{"wrong-version", "-only backend", 1, func(w *world) {
		w.aws.On("DescribeAutoScalingGroups", group(6, old...))
		w.aws.On("DescribeInstanceRefreshes", opstest.Answer{Body: "<InstanceRefreshes></InstanceRefreshes>"})
		w.aws.On("DescribeScalingActivities", activities())
	}},
	{"wrong-image", "-only backend", 1, func(w *world) { w.outputs["backendImage"] = registry + "backend@" + digest("8") }},
	{"image-cannot-be-pulled", "-only agents", 1, func(w *world) {
		deploymentFailed(
			w,
			stopped("TaskFailedToStart", "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref "+
				registry+"agent@"+digest("c")+": not found", map[string]any{}),
		)
		w.aws.On("GetLogEvents", noStream)
	}},
	{"task-exits", "-only agents", 1, func(w *world) {
		deploymentFailed(w, stopped("EssentialContainerExited", "Essential container in task exited", map[string]any{"exitCode": 1}))
		w.aws.On("GetLogEvents", logLines("agent: AGENT_RETAIN: want 1h to 720h, got \"0h\"", "\x1b[31magent: stopped\x1b[0m"))
	}},
	{"out-of-memory", "-only agents", 1, func(w *world) {
		deploymentFailed(w, stopped("EssentialContainerExited", "OutOfMemoryError: Container killed due to memory usage",
			map[string]any{"exitCode": 137, "reason": "OutOfMemoryError: Container killed due to memory usage"}))
		w.aws.On("GetLogEvents", logLines(`{"level":"INFO","msg":"lease begun"}`))
	}},
	{"health-check-fails", "-only agents", 1, func(w *world) {
		deploymentFailed(w, stopped("", "Task failed container health checks", map[string]any{"exitCode": 0, "healthStatus": "UNHEALTHY"}))
		w.aws.On("GetLogEvents", opstest.Answer{Body: `{"events":[]}`})
	}},
	{"circuit-breaker-rolled-back", "", 1, func(w *world) {
		rolledBack(w)
		w.aws.On("DescribeTasks", tasks(stopped("EssentialContainerExited", "Essential container in task exited", map[string]any{"exitCode": 2})))
		w.aws.On("GetLogEvents", logLines("agent: no such command"))
	}},
	{"rolled-back-an-hour-ago", "-only agents", 1, func(w *world) {
		rolledBack(w)
		w.aws.On("ListTasks", opstest.Answer{Body: `{"taskArns":[]}`})
	}},
	{"rolled-back-by-alarm", "-only agents", 1, func(w *world) {
		rolledBack(w)
		w.aws.On("DescribeServiceDeployments", opstest.Answer{Body: text(map[string]any{"serviceDeployments": []any{map[string]any{
			"status": "ROLLBACK_SUCCESSFUL", "statusReason": "Service deployment rolled back because of CloudWatch alarms.",
			"alarms": map[string]any{"status": "TRIGGERED", "triggeredAlarmNames": []string{"fargate-agents-missing-1"}}}}})})
		w.aws.On("ListTasks", opstest.Answer{Body: `{"taskArns":[]}`})
	}},
	{"targets-5xx", "-only backend -doors=false", 1, func(w *world) {
		w.aws.On("DescribeTargetHealth",
			health("a", "b", "c=unhealthy,Target.ResponseCodeMismatch,Health checks failed with these codes: [503]"))
		w.aws.On("GetLogEvents", logLines(`{"level":"ERROR","msg":"health","error":"draining"}`))
	}},
	{"targets-timeout", "-only backend -doors=false", 1, func(w *world) {
		w.aws.On("DescribeTargetHealth", health("a", "b=unhealthy,Target.Timeout,Request timed out"))
		w.aws.On("GetLogEvents", opstest.Answer{Code: "AccessDeniedException", Message: "User is not authorized to perform: logs:GetLogEvents"})
		w.aws.On("GetConsoleOutput", opstest.Answer{Body: ""})
	}},
	{"targets-late", "-only backend -doors=false", 0, func(w *world) {
		late := health("a", "b", "c=initial,Elb.InitialHealthChecking,Initial health checks in progress")
		w.aws.On("DescribeTargetHealth", late, late, health("a", "b", "c"))
	}},
	{"other-digest-in-a-task", "-only agents", 1, func(w *world) {
		w.aws.On("DescribeTasks", tasks(running(12, "c"), running(12, "b")))
		w.aws.On("BatchGetImage", opstest.Answer{Body: text(map[string]any{"images": []any{map[string]any{"imageManifest": `{"layers":[]}`}}})})
	}},
	{"platform-of-an-index", "-only agents", 0, func(w *world) {
		w.aws.On("DescribeTasks", tasks(running(12, "b"), running(12, "b")))
		w.aws.On("BatchGetImage", opstest.Answer{Body: text(map[string]any{"images": []any{map[string]any{
			"imageManifest": text(map[string]any{"manifests": []any{map[string]any{"digest": digest("b")}}})}}})})
	}},
	{"forged-header-believed", "-only backend", 1, func(w *world) {
		believe := func(w http.ResponseWriter, r *http.Request) {
			if id := r.Header.Get("X-Gateway-Caller"); id != "" {
				fmt.Fprintf(w, `{"id":%q}`, id)
				return
			}
			public(w, r)
		}
		w.doors.public = believe
		w.doors.gateway = func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("X-Gateway-Caller") == "" {
				signedOnly(w, r)
				return
			}
			believe(w, r)
		}
	}},
	{"caller-may-not-invoke", "-only backend", 0, func(w *world) {
		w.doors.gateway = func(w http.ResponseWriter, _ *http.Request) {
			problem(w, 403, "User: "+caller+" is not authorized to perform: execute-api:Invoke")
		}
	}},
	{"another-backend", "-only backend", 0, func(w *world) { w.doors.public, w.doors.gateway = foreign, foreign }},
	{"backend-answers-503", "-only backend", 1, func(w *world) {
		w.doors.public = func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/readyz" {
				problem(w, 503, "the database cannot be reached")
				return
			}
			public(w, r)
		}
		w.doors.gateway = func(w http.ResponseWriter, _ *http.Request) { problem(w, 504, "Endpoint request timed out") }
	}},
	{"certificate-unknown", "-only backend", 1, func(w *world) { w.doors.transport.(*http.Transport).TLSClientConfig.RootCAs = nil }},
	{"certificate-of-another-name", "-only backend", 1, func(w *world) { w.outputs["loadBalancerUrl"] = "https://files.example.org" }},
	{"credentials-expired", "", 3, func(w *world) {
		inProgress(w)
		w.aws.On("DescribeInstanceRefreshes", refresh("InProgress", "", 10), refresh("InProgress", "", 10), expired)
	}},
	{"network-lost", "", 3, func(w *world) {
		inProgress(w)
		w.aws.On("DescribeServices", service(12, deployment("PRIMARY", 12, "IN_PROGRESS", 2, 1, "")), drop)
	}},
	{"network-back", "", 0, func(w *world) {
		inProgress(w)
		w.aws.On("DescribeAutoScalingGroups", group(7, old...), drop, drop, group(7, in("d", 7), in("e", 7), in("f", 7)))
		w.aws.On("DescribeInstanceRefreshes", refresh("InProgress", "", 10), refresh("Successful", "", 100))
		w.aws.On("DescribeTargetHealth", health("d", "e", "f"))
	}},
	{"credentials-expired-at-the-end", "", 3, func(w *world) { w.aws.On("DescribeTaskDefinition", expiredJ) }},
}

// refreshFailed: the first new instance never became healthy, and the group has terminated it again and again.
func refreshFailed(w *world) {
	w.aws.On("DescribeAutoScalingGroups", group(7, append(old[:3:3], in("d", 7))...))
	w.aws.On(
		"DescribeInstanceRefreshes",
		refresh("InProgress", "Waiting for remaining instances to be available. For example: instance "+id("d"), 0),
		refresh("Failed", "There are too many unhealthy instances in your Auto Scaling group.", 0),
	)
	w.aws.On("DescribeTargetHealth", health("a", "b", "c", "d=unhealthy,Target.FailedHealthChecks,Health checks failed"))
	w.aws.On("DescribeScalingActivities", activities(
		"04:04:10|Successful|Terminating EC2 instance: i-0eeeeeeeeeeeeeeee||At 2026-02-03T04:04:10Z an instance was taken out of service "+
			"in response to "+
			"an ELB system health check failure.",
		"04:00:40|Successful|Launching a new EC2 instance: i-0eeeeeeeeeeeeeeee||At 2026-02-03T04:00:35Z instances are to be launched.",
	))
}

// deploymentFailed: ECS has given the deployment up, and the former revision runs.
func deploymentFailed(w *world, task map[string]any) {
	w.aws.On("DescribeServices",
		service(12, deployment("PRIMARY", 12, "IN_PROGRESS", 2, 0, ""), deployment("ACTIVE", 11, "COMPLETED", 2, 2, "")),
		service(11, deployment("PRIMARY", 11, "IN_PROGRESS", 2, 2, ""),
			deployment("ACTIVE", 12, "FAILED", 0, 0, "ECS deployment circuit breaker: tasks failed to start.")))
	w.aws.On("DescribeTasks", tasks(task, task, running(11, "b")))
}

// rolledBack: the roll-back is over, and the service says nothing of the deployment any more.
func rolledBack(w *world) {
	w.aws.On("DescribeServices", service(11, deployment("PRIMARY", 11, "COMPLETED", 2, 2, "")))
	w.aws.On("ListServiceDeployments", opstest.Answer{Body: text(map[string]any{"serviceDeployments": []any{
		map[string]any{
			"serviceDeploymentArn":     "d-1",
			"status":                   "SUCCESSFUL",
			"createdAt":                seconds("03:00:00"),
			"targetServiceRevisionArn": "s-1",
		},
		map[string]any{
			"serviceDeploymentArn":     "d-2",
			"status":                   "ROLLBACK_SUCCESSFUL",
			"createdAt":                seconds("04:00:10"),
			"targetServiceRevisionArn": "s-2",
		},
	}})})
	w.aws.On("DescribeServiceDeployments", opstest.Answer{Body: text(map[string]any{"serviceDeployments": []any{map[string]any{
		"status": "ROLLBACK_SUCCESSFUL", "statusReason": "Service deployment rolled back because the circuit breaker threshold was exceeded.",
		"deploymentCircuitBreaker": map[string]any{"status": "TRIGGERED", "failureCount": 3, "threshold": 3}}}})})
}

func inProgress(w *world) {
	w.aws.On("DescribeAutoScalingGroups", group(7, old...))
	w.aws.On("DescribeInstanceRefreshes", refresh("InProgress", "", 10))
}

// foreign is a backend of the owner's own: it has neither of our paths but the health check, and refuses what is not its own.
func foreign(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/healthz" {
		http.NotFound(w, r)
	}
}
