package stack

// AgentBuckets are the buckets of AWS that the agents of an instance read, each as the ARN of its objects. With a gateway endpoint
// for S3 both the endpoint's policy and the instance's role have to allow them (AWS Systems Manager User Guide, "SSM Agent
// communications with AWS managed S3 buckets"; Amazon Inspector User Guide, "Deep inspection"). What is for Windows, macOS and
// Patch Manager is left out, and so are the benchmarks of Inspector's CIS scans, whose bucket has no name that can be told from
// the region.
func (i Info) AgentBuckets() []string {
	var arns []string
	for _, name := range []string{
		"aws-ssm-" + i.Region,                      // documents that the SSM agent runs
		"amazon-ssm-" + i.Region,                   // its updates
		"amazon-ssm-packages-" + i.Region,          // packages of agents before 2.2.45
		i.Region + "-birdwatcher-prod",             // packages of Distributor, in their versions
		"aws-ssm-distributor-file-" + i.Region,     // files of those packages
		"aws-ssm-document-attachments-" + i.Region, // what comes with a document: Inspector's plugin
		"patch-baseline-snapshot-" + i.Region,      // which packages are to be reported as missing
		"inspector2-oval-prod-" + i.Region,         // definitions of vulnerabilities for Inspector's plugin
		"amazoncloudwatch-agent-" + i.Region,       // CloudWatch agent
	} {
		arns = append(arns, "arn:"+i.Partition+":s3:::"+name+"/*")
	}
	return arns
}
