package rules

import (
	"fmt"
	"strings"

	"scalable-backend/internal/graph"
)

func balancerRules() []Rule {
	application := of(loadBalancer).with("application", "loadBalancerType")
	network := of(loadBalancer).with("network", "loadBalancerType")
	return []Rule{
		{"balancer-access-log", ids("S-ELB2 R-ELBLoggingEnabled ELB.5 C_91 G-elb-logging-enabled"), "Access logs are on", Everywhere,
			of(loadBalancer), all(is(true, "accessLogs", "enabled"), has("accessLogs", "bucket"))},
		{"balancer-log-bucket", nil, "The log bucket accepts access logs: it has SSE-S3, and its policy exists first", Everywhere,
			of(loadBalancer).with(true, "accessLogs", "enabled"), that(logDelivery)},
		{"balancer-deletion-protection", ids("R-ELBDeletionProtectionEnabled ELB.6 C_150 G-elb-deletion-protection-enabled"),
			"Load balancers are protected against deletion", Production, of(loadBalancer), is(true, "enableDeletionProtection")},
		{"http-redirects", ids("R-ALBHttpToHttpsRedirection ELB.1 C2_20 C_2 T0054 G-alb-http-to-https-redirection"),
			"Plain HTTP is redirected to HTTPS", Everywhere,
			of(listener).with("HTTP", "protocol"), that(redirects)},
		{"tls-policy", ids("ELB.17 C_103 C2_74 T0047"), "TLS 1.2 and 1.3 with forward secrecy only", Everywhere,
			of(listener).with("HTTPS", "protocol"),
			oneOf("sslPolicy", "ELBSecurityPolicy-TLS13-1-2-Res-2021-06", "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09")},
		{"secure-listeners", ids("ELB.18 R-ELBv2ACMCertificateRequired"), "Listeners use HTTPS or TLS, or redirect to it", Everywhere,
			of(listener), that(func(w *World, r graph.Resource) string {
				if p := text(r, "protocol"); p != "HTTPS" && p != "TLS" && redirects(w, r) != "" {
					return "it takes " + p
				}
				return ""
			})},
		{"certificate-renewal", ids("ACM.1 R-ACMCertificateExpirationCheck"), "ACM renews a certificate by itself: it is validated by DNS",
			Everywhere, of(certificate), is("DNS", "validationMethod")},
		{"certificate-key", ids("ACM.2"), "A certificate's RSA key has 2,048 bits or more", Everywhere, of(certificate),
			oneOf("keyAlgorithm", "RSA_2048", "RSA_3072", "RSA_4096", "EC_prime256v1", "EC_secp384r1")},
		{"certificate-issued", nil, "A listener gets a certificate of the stack once ACM has issued it", Everywhere,
			of(listener).where(func(w *World, r graph.Resource) bool {
				return len(w.To(r, "certificateArn", certificate))+len(w.To(r, "certificateArn", certificateValidation)) > 0
			}), refers("certificateArn", certificateValidation)},
		{"records-have-targets", nil, "A DNS record points to a resource of the stack: what outlives its target can be taken over", Everywhere,
			of(dnsRecord), that(func(w *World, r graph.Resource) string {
				if len(w.To(r, "aliases", loadBalancer))+len(w.To(r, "records", certificate)) == 0 {
					return "it points to nothing in the graph"
				}
				return ""
			})},
		{"drop-invalid-headers", ids("ELB.4 C_131 T0052"), "Invalid headers are dropped", Everywhere,
			application, is(true, "dropInvalidHeaderFields")},
		{"desync-mitigation", ids("ELB.12 C_328"), "Requests that allow request smuggling are refused", Everywhere,
			application, oneOf("desyncMitigationMode", "defensive", "strictest")},
		{"balancer-zones", ids("ELB.13"), "Load balancers are in two zones or more", Everywhere,
			of(loadBalancer), that(func(w *World, r graph.Resource) string {
				if n := w.zones(r, "subnets"); n < 2 {
					return fmt.Sprintf("it is in %d zones", n)
				}
				return ""
			})},
		{"target-health-path", ids("C_261"), "Health checks request a path", Everywhere, of(targetGroup),
			all(has("healthCheck", "path"), oneOfPath([]any{"healthCheck", "protocol"}, "HTTP", "HTTPS"))},
		{"target-https", ids("ELB.21 ELB.22 C_378"), "Traffic to targets is encrypted", Production, of(targetGroup),
			that(func(_ *World, r graph.Resource) string {
				if p := text(r, "protocol"); p != "HTTPS" && p != "TLS" {
					return "it takes " + p
				}
				return ""
			})},
		{"balancer-waf", ids("R-ALBWAFEnabled ELB.16 C2_28"), "A web ACL protects the public load balancer", Production,
			application, satellite(webACLAssociation, "resourceArn", refers("webAclArn", webACL))},
		{"balancer-internal", ids("T0053"), "Load balancers are internal", Everywhere, of(loadBalancer), is(true, "internal")},
		{"balancer-auto-named", nil, "Pulumi names load balancers and target groups, so that a replacement can be created before the old one " +
			"is deleted",
			Everywhere, of(loadBalancer, targetGroup), hasNo("name")},
		{"nlb-cross-zone", ids("C_152"), "The network load balancer reaches targets in every zone", Everywhere,
			network, is(true, "enableCrossZoneLoadBalancing")},
		{"nlb-security-groups", nil, "The network load balancer has a security group from its creation: it cannot be added later", Everywhere,
			network, refers("securityGroups", securityGroup)},
		{"nlb-privatelink-inbound", nil, "Inbound rules are not enforced on PrivateLink traffic: they would block API Gateway's requests",
			Everywhere, network, is("off", "enforceSecurityGroupInboundRulesOnPrivateLinkTraffic")},
		{"nlb-no-ingress", nil, "Only API Gateway's VPC link reaches the network load balancer", Everywhere,
			network, that(func(w *World, r graph.Resource) string {
				for _, g := range w.To(r, "securityGroups", securityGroup) {
					for _, in := range w.From(ingressRule, "securityGroupId", g) {
						return in.Name + " allows inbound traffic"
					}
				}
				return ""
			})},
	}
}

func oneOfPath(path []any, wanted ...any) Check {
	return that(func(_ *World, r graph.Resource) string {
		for _, v := range wanted {
			if equal(get(r, path...), v) {
				return ""
			}
		}
		return fmt.Sprintf("%s is %v, want one of %v", dotted(path), show(get(r, path...)), wanted)
	})
}

func redirects(_ *World, r graph.Resource) string {
	actions := list(r, "defaultActions")
	if len(actions) != 1 || at(actions[0], "type") != "redirect" || at(actions[0], "redirect", "protocol") != "HTTPS" ||
		at(actions[0], "redirect", "statusCode") != "HTTP_301" {
		return "its default action is not a permanent redirect to HTTPS"
	}
	return ""
}

// logDelivery: load balancers write only to buckets with SSE-S3 whose policy allows it.
func logDelivery(w *World, r graph.Resource) string {
	return each(w.To(r, "accessLogs", bucket), "its bucket is not in the graph", func(b graph.Resource) string {
		for _, e := range w.From(bucketEncryption, "bucket", b) {
			if got := get(e, "rules", 0, "applyServerSideEncryptionByDefault", "sseAlgorithm"); got != "AES256" {
				return fmt.Sprintf("%s is encrypted with %v", b.Name, got)
			}
		}
		return each(w.To(r, "accessLogs", bucketPolicy), "it does not wait for the bucket's policy", func(p graph.Resource) string {
			d, err := document(p, "policy")
			if err != nil {
				return err.Error()
			}
			for _, s := range d.Statement {
				if s.Effect == allow && s.Action.matches("s3:PutObject") && len(s.Resource) == 1 &&
					strings.Join(s.Principal["Service"], " ") == "logdelivery.elasticloadbalancing.amazonaws.com" &&
					strings.Contains(s.Resource[0], "/"+text(r, "accessLogs", "prefix")+"/AWSLogs/") {
					return ""
				}
			}
			return p.Name + " does not allow the service to write below the prefix"
		})
	})
}
