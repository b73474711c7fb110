package config

import (
	"scalable-backend/fargate"
)

// Fargate is the object under "fargate".
type Fargate struct {
	Enabled                          bool
	CPU, Memory                      int
	MinTasks, DesiredTasks, MaxTasks int
	SpotWeight, BacklogPerTask       int
	EphemeralStorage                 int // GiB
	PersistentStorage                bool
	RetainHours                      int
	CPUTarget                        int
	Program                          fargate.Program
}

func (f *Fargate) settings() []*setting {
	return append([]*setting{
		boolean("fargate.enabled", &f.Enabled, true).
			means("Whether the stack has agents. Without, there is no cluster and no service, and the other keys wait; agents elsewhere " +
				"use the API all the same."),
		integerOf("fargate.cpu", &f.CPU, 256, 256, 512, 1024, 2048, 4096, 8192, 16384).
			means("CPU units of an agent; 1024 are one virtual CPU."),
		integer("fargate.memory", &f.Memory, 512, 512, 122880).
			means("MiB of an agent. Fargate offers it in pairs with `cpu`; see [below](#sizes-of-fargate-tasks)."),
		integer("fargate.minTasks", &f.MinTasks, 1, 0, 1000).
			means("Fewest agents. With 0 the first one starts when jobs wait, which takes some minutes."),
		integer("fargate.desiredTasks", &f.DesiredTasks, 1, 0, 1000).
			means("Agents at creation. Scaling moves the number afterwards, and updates leave it alone."),
		integer("fargate.maxTasks", &f.MaxTasks, 4, 1, 1000).
			means("Most agents that scaling may start."),
		integer("fargate.spotWeight", &f.SpotWeight, 4, 0, 100).
			means("Agents on Fargate Spot for each one on Fargate. 0 keeps all of them off Spot."),
		integer("fargate.backlogPerTask", &f.BacklogPerTask, 20, 1, 10_000).
			means("Queued and leased jobs for each agent that scaling keeps."),
		integer("fargate.ephemeralStorage", &f.EphemeralStorage, 21, 21, 200).
			means("GiB of disk of an agent, for files in progress and files that it keeps."),
		boolean("fargate.persistentStorage", &f.PersistentStorage, false).
			means("Keeps the agents' files on EFS, where a replaced agent finds its partial files again. A GB written costs about " +
				"as much as a GB through a NAT gateway."),
		integer("fargate.retainHours", &f.RetainHours, 24, 1, 8760).
			means("Hours that an agent keeps a file. Under disk pressure the oldest go earlier."),
		integer("fargate.cpuTarget", &f.CPUTarget, 60, 10, 90).
			means("Average CPU in percent that scaling keeps with `monitoring.serviceMetrics: false`, in place of `backlogPerTask`."),
	}, f.programSettings()...)
}

// programSettings are about the program in the container: the agent of this repository, or another one.
func (f *Fargate) programSettings() []*setting {
	p := &f.Program
	own := fargate.DefaultProgram()
	return []*setting{
		variables("fargate.environment", &p.Environment, takesVariables, "LOG_FORMAT", "json", validVariable(fargate.ValidateVariable)).
			means("More variables of the agents' containers, as with `compute.environment`."),
		variables("fargate.secrets", &p.Secrets, takesSecrets, "PAYMENTS_KEY", exampleSecret, validSecret(fargate.ValidateVariable)).
			means("Variables whose values ECS reads from AWS Secrets Manager when a task starts. The role that starts tasks may read " +
				"exactly these secrets, and the agent's own role none."),
		words("fargate.command", &p.Command, own.Command, "/app").
			means("The program and its arguments. Empty takes the image's own."),
		words("fargate.healthCommand", &p.HealthCommand, own.HealthCommand, "/healthy").
			means("A program in the image, and its arguments, that ends with 0 in a healthy task: every 15 seconds, at most 5 seconds long, " +
				"and three failures replace the task. No shell reads it. Empty means no health check."),
		text("fargate.user", &p.User, own.User, "1000:1000", takesUser, validUser).
			means("The user of the agent's process, and the owner of the files with `persistentStorage`."),
		paths("fargate.writablePaths", &p.WritablePaths, own.WritablePaths, "/var/cache/app", fargate.ValidatePath).
			means("Directories on the task's disk that the agent may write to, besides `/data`. All else is read-only. The image has to " +
				"declare each as a VOLUME that belongs to `user`, or it belongs to root."),
		integer("fargate.stopSeconds", &p.StopSeconds, own.StopSeconds, fargate.MinStopSeconds, fargate.MaxStopSeconds).
			means("Seconds from SIGTERM to SIGKILL. `AGENT_STOP_TIMEOUT` is 15 seconds less."),
	}
}
