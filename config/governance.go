package config

// Governance is the object under "stack": what an organisation demands of everything in it.
type Governance struct {
	PermissionsBoundaryARN string
	Tags                   map[string]string
}

func (g *Governance) settings() []*setting {
	return []*setting{
		optional("stack.permissionsBoundaryArn", &g.PermissionsBoundaryARN, "the ARN of an IAM policy",
			"arn:aws:iam::"+documentationAccount+":policy/boundary", matches(policyARN)).
			means("The permissions boundary of every role, for organisations that demand one. It must allow what the roles need; " +
				"what it leaves out fails at run time."),
		table("stack.tags", &g.Tags, "a map of tags, names to values", "team", "payments", validTag).
			means("Tags of every resource, besides `Name`, `project`, `stack`, `deployment`, `tier` and `managed-by`, which are the program's " +
				"own. At most 40."),
	}
}
