package config

// Fargate is the object under "fargate".
type Fargate struct {
	CPU, Memory                      int
	MinTasks, DesiredTasks, MaxTasks int
	SpotWeight, BacklogPerTask       int
	EphemeralStorage                 int // GiB
	PersistentStorage                bool
	RetainHours                      int
}

func (f *Fargate) settings() []*setting {
	return []*setting{
		integerOf("fargate.cpu", &f.CPU, 256, 256, 512, 1024, 2048, 4096, 8192, 16384).
			means("CPU units of an agent; 1024 are one virtual CPU."),
		integer("fargate.memory", &f.Memory, 512, 512, 122880).
			means("MiB of an agent. Fargate offers it in pairs with `cpu`; see [below](#sizes-of-fargate-tasks)."),
		integer("fargate.minTasks", &f.MinTasks, 1, 1, 1000).
			means("Fewest agents."),
		integer("fargate.desiredTasks", &f.DesiredTasks, 1, 1, 1000).
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
	}
}
