package rules

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"scalable-backend/internal/graph"
)

func instanceRules() []Rule {
	machines := of(launchTemplate, instance)
	return []Rule{
		{"imds-v2", ids("R-EC2IMDSv2Enabled EC2.8 EC2.170 C_79 T0130 T0028"), "The metadata service requires session tokens", Everywhere,
			machines, all(is("required", "metadataOptions", "httpTokens"), is("enabled", "metadataOptions", "httpEndpoint"))},
		{"imds-hop-limit", ids("C_341"), "The metadata service answers only the host, not containers", Everywhere,
			machines, is(1, "metadataOptions", "httpPutResponseHopLimit")},
		{"no-public-address", ids("EC2.25 EC2.9 C_88 T0009 G-ec2-instance-no-public-ip R-EC2InstanceNoPublicIp"),
			"Instances have no public address", Everywhere,
			machines, that(publicAddress)},
		{"volumes-encrypted", ids("S-EC26 EC2.3 EC2.181 C_8 T0008 T0131 G-encrypted-volumes"), "Volumes are encrypted", Everywhere,
			machines, that(volumesEncrypted)},
		{"image-encrypted", ids("C_235"), "A copied machine image is encrypted", Everywhere, of(imageCopy), is(true, "encrypted")},
		{"detailed-monitoring", ids("S-EC28 C_126 G-ec2-instance-detailed-monitoring-enabled"), "Instances have detailed monitoring", Production,
			of(launchTemplate), is(true, "monitoring", "enabled")},
		{"user-data-without-secrets", ids("C_46 T0129 T0029 prowler:ec2_launch_template_no_secrets"), "No secret is in user data", Everywhere,
			machines, that(userDataSecrets)},
		{"session-manager", ids("SSM.1 C2_41 R-EC2InstanceProfileAttached"), "Systems Manager can manage the instances", Everywhere, machines,
			that(managed)},
		{"no-key-pair", nil, "No instance has a key pair", Everywhere, machines, hasNo("keyName")},
		{"one-interface", ids("EC2.17"), "Instances have one network interface", Everywhere, machines,
			that(func(_ *World, r graph.Resource) string {
				if n := len(list(r, "networkInterfaces")); n > 1 {
					return fmt.Sprintf("it has %d", n)
				}
				return ""
			})},
		{"instance-in-subnet", ids("R-EC2InstancesInVPC"), "Single instances are in a subnet of this stack", Everywhere, of(instance),
			refers("subnetId", subnet)},
		{"instance-ebs-optimized", ids("R-EC2EBSOptimizedInstance"), "Single instances are EBS-optimized", Everywhere, of(instance),
			is(true, "ebsOptimized")},
		{"instance-termination", ids("S-EC29"), "Single instances are protected against termination", Everywhere,
			of(instance), is(true, "disableApiTermination")},
		{"instance-backup", ids("EC2.28"), "AWS Backup covers the volumes of instances", Production, machines,
			satellite(backupSelection, "resources", anything)},
		{"instances-tagged", nil, "Instances and their volumes carry the stack's tags", Everywhere, of(launchTemplate), that(tagged)},
		{"backend-by-digest", ids("REL08-BP04"), "Instances run an image by its digest", Everywhere, of(launchTemplate),
			that(func(_ *World, r graph.Resource) string {
				script, _ := userData(r)
				if !digest.MatchString(script) || strings.Contains(script, ":latest") {
					return "user data contains no image digest"
				}
				return ""
			})},
	}
}

var digest = regexp.MustCompile(`@sha256:[0-9a-f]{64}`)

// publicAddress: a launch template must set false, because otherwise the subnet's default applies; a single instance may leave
// it out.
func publicAddress(w *World, r graph.Resource) string {
	if r.Type == instance {
		if equal(get(r, "associatePublicIpAddress"), true) || len(w.From(eip, "instance", r)) > 0 {
			return "it has a public address"
		}
		return ""
	}
	interfaces := list(r, "networkInterfaces")
	for _, i := range interfaces {
		if !equal(at(i, "associatePublicIpAddress"), false) {
			return "an interface may get a public address"
		}
	}
	if len(interfaces) == 0 {
		return "networkInterfaces is missing"
	}
	return ""
}

func volumesEncrypted(_ *World, r graph.Resource) string {
	if r.Type == instance {
		if !equal(get(r, "rootBlockDevice", "encrypted"), true) || len(list(r, "ebsBlockDevices")) > 0 {
			return "its volume is not encrypted"
		}
		return ""
	}
	devices := list(r, "blockDeviceMappings")
	for _, d := range devices {
		if !equal(at(d, "ebs", "encrypted"), true) {
			return fmt.Sprintf("%v is not encrypted", at(d, "deviceName"))
		}
	}
	if len(devices) == 0 {
		return "blockDeviceMappings is missing"
	}
	return ""
}

// secretPatterns match access keys, private keys, and assignments of literal values, but not names or references.
var secretPatterns = []*regexp.Regexp{
	regexp.MustCompile(`\b(AKIA|ASIA)[0-9A-Z]{16}\b`),
	regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----`),
	regexp.MustCompile(
		`(?i)\b[a-z_]*(password|passwd|secret_access_key|secret|token|api_?key)["']?(=|:\s|\s=\s)\s*["']?[A-Za-z0-9+/_.~-]{8,}`),
	regexp.MustCompile(`(?i)postgres(ql)?://[^\s:/]+:[^\s@]+@`),
}

// userData returns the script, decoded if the input is base64.
func userData(r graph.Resource) (string, error) {
	script, ok := get(r, "userData").(string)
	if !ok {
		return "", fmt.Errorf("userData is %v", show(get(r, "userData")))
	}
	if r.Type == launchTemplate {
		decoded, err := base64.StdEncoding.DecodeString(script)
		return string(decoded), err
	}
	return script, nil
}

// userDataSecrets also finds values that are secret in Pulumi: everyone on the instance can read user data.
func userDataSecrets(_ *World, r graph.Resource) string {
	script, err := userData(r)
	if err != nil {
		return err.Error()
	}
	return looksSecret(script)
}

func looksSecret(s string) string {
	for _, p := range secretPatterns {
		if found := p.FindString(s); found != "" {
			return fmt.Sprintf("%q looks like a secret", found)
		}
	}
	return ""
}

func managed(w *World, r graph.Resource) string {
	for _, profile := range w.To(r, "iamInstanceProfile", instanceProfile) {
		for _, role := range w.To(profile, "role", iamRole) {
			if _, policies := w.attached(role); slices.ContainsFunc(policies, func(arn string) bool {
				return strings.HasSuffix(arn, ":policy/AmazonSSMManagedInstanceCore")
			}) {
				return ""
			}
		}
	}
	return "its role lacks AmazonSSMManagedInstanceCore"
}

// stackTags are on every resource of a stack.
var stackTags = []string{"project", "stack", "deployment", "tier", "managed-by"}

func tagged(_ *World, r graph.Resource) string {
	for _, kind := range []string{"instance", "volume"} {
		i := slices.IndexFunc(list(r, "tagSpecifications"), func(s any) bool { return at(s, "resourceType") == kind })
		for _, tag := range stackTags {
			if empty(get(r, "tagSpecifications", i, "tags", tag)) {
				return fmt.Sprintf("a new %s lacks the tag %s", kind, tag)
			}
		}
	}
	return ""
}
