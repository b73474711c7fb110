package config

import "fmt"

// Monitoring is the object under "monitoring".
type Monitoring struct {
	AlertEmails                          []string
	RunbookURL                           string
	MonthlyBudgetUSD, LogRetentionDays   int
	ServiceMetrics                       bool
	WAF, GuardDuty, AWSConfig, Inspector bool
}

func (m *Monitoring) settings() []*setting {
	return []*setting{
		list("monitoring.alertEmails", &m.AlertEmails, "a list of e-mail addresses", "ops@example.com", validEmail).
			means("Who gets the alarms. AWS sends each address a mail to confirm. At least one in production."),
		optional("monitoring.runbookUrl", &m.RunbookURL,
			fmt.Sprintf("an https URL without query and fragment, at most %d characters", maxRunbookURL),
			"https://wiki.example.com/runbook", validRunbookURL).
			means("Where your copy of `docs/runbook.md` is published. The description of every alarm ends with a link to its entry there: this " +
				"address, `#` and the entry's name. Empty names the file."),
		integer("monitoring.monthlyBudgetUsd", &m.MonthlyBudgetUSD, 150, 1, 1_000_000).
			means("An AWS budget for what carries the stack's tag, with alerts to the addresses; also the limit for the plan's cost " +
				"estimate."),
		integerOf("monitoring.logRetentionDays", &m.LogRetentionDays, 14, logRetention...).
			means("How long CloudWatch keeps the stack's logs."),
		boolean("monitoring.serviceMetrics", &m.ServiceMetrics, true).
			means("Whether the backend sends the metrics of this repository's: the queue, the agents that it sees, requests by route. With " +
				"false no alarm and no chart uses them, and agents scale on CPU."),
		boolean("monitoring.waf", &m.WAF, false).
			means("A web application firewall in front of the load balancer and the API. Besides AWS's managed rules it refuses, " +
				"with 429, an address that sends more than 10,000 requests in five minutes; the stack's own agents are left " +
				"alone."),
		boolean("monitoring.guardDuty", &m.GuardDuty, false).
			means("Threat detection. One for an account and region: turn it on in one stack, and only if nobody else has."),
		boolean("monitoring.awsConfig", &m.AWSConfig, false).
			means("Records how resources change. One for an account and region, like `guardDuty`."),
		boolean("monitoring.inspector", &m.Inspector, false).
			means("Scans images and instances for known vulnerabilities. One for an account and region, like `guardDuty`."),
	}
}
