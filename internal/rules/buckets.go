package rules

import (
	"fmt"
	"slices"

	"scalable-backend/internal/graph"
)

func bucketRules() []Rule {
	buckets := of(bucket)
	return []Rule{
		{"bucket-private",
			ids("S-S2 S3.8 S3.1 C_53 C_54 C_55 C_56 C2_6 T0086 T0087 T0091 T0093 T0094 S3.2 S3.3 R-S3BucketLevelPublicAccessProhibited " +
				"R-S3BucketPublicReadProhibited R-S3BucketPublicWriteProhibited"), "Public access is blocked in all four ways", Everywhere,
			buckets, satellite(bucketPublicAccess, "bucket", all(is(true, "blockPublicAcls"), is(true, "blockPublicPolicy"),
				is(true, "ignorePublicAcls"), is(true, "restrictPublicBuckets")))},
		{"bucket-tls", ids("S-S10 S3.5 R-S3BucketSSLRequestsOnly"), "The policy denies requests without TLS to the bucket and its objects",
			Everywhere,
			buckets, that(bucketTLS)},
		{"bucket-closed", ids("S3.6 C_70 C_93"), "The policy allows only services and the stack's own roles, and denies nothing without a " +
			"condition", Everywhere,
			buckets, satellite(bucketPolicy, "bucket", that(bucketClosed))},
		{"bucket-owner", ids("S3.12 C2_65 C_20 C_57 T0092"), "ACLs are disabled", Everywhere,
			buckets, all(satellite(bucketOwnership, "bucket", is("BucketOwnerEnforced", "rule", "objectOwnership")),
				that(func(w *World, r graph.Resource) string {
					if len(w.From(bucketACL, "bucket", r)) > 0 || !empty(get(r, "acl")) {
						return "it has an ACL"
					}
					return ""
				}))},
		{"bucket-encrypted", ids("C_19 T0088"), "Objects are encrypted", Everywhere,
			buckets, satellite(bucketEncryption, "bucket", has("rules", 0, "applyServerSideEncryptionByDefault", "sseAlgorithm"))},
		{"bucket-key", ids("S3.17 C_145 T0132 R-S3DefaultEncryptionKMS"), "Objects are encrypted with the stack's key and a bucket key",
			Everywhere,
			buckets, satellite(bucketEncryption, "bucket", all(is("aws:kms", "rules", 0, "applyServerSideEncryptionByDefault", "sseAlgorithm"),
				is(true, "rules", 0, "bucketKeyEnabled"), refers("rules", kmsKey)))},
		{"bucket-versioning", ids("S3.14 C_21 T0090 R-S3BucketVersioningEnabled"), "Old versions of objects are kept", Everywhere,
			buckets, satellite(bucketVersioning, "bucket", is("Enabled", "versioningConfiguration", "status"))},
		{"bucket-lifecycle", ids("S3.13 C2_61 C_300 S3.10"), "In the whole bucket old versions expire, and incomplete uploads after at " +
			"most a week", Everywhere,
			buckets, satellite(bucketLifecycle, "bucket", that(lifecycle))},
		{"bucket-access-log", ids("S-S1 S3.9 C_18 T0089 G-s3-bucket-logging-enabled R-S3BucketLoggingEnabled"),
			"Access is logged to a bucket whose policy exists first", Everywhere,
			buckets, satellite(bucketLogging, "bucket", refers("targetBucket", bucketPolicy))},
		{"bucket-replication", ids("C_144 S3.7 R-S3BucketReplicationEnabled"), "Objects are replicated to another region", Production,
			buckets, satellite(bucketReplication, "bucket", anything)},
		{"bucket-events", ids("C2_62 S3.11"), "Changes of objects are published as events", Production, buckets,
			satellite(bucketNotification, "bucket", anything)},
		{"bucket-object-lock", ids("S3.15"), "Objects cannot be changed or deleted during a retention period", Production,
			buckets, satellite(bucketObjectLock, "bucket", anything)},
		{"bucket-mfa-delete", ids("T0170 S3.20"), "Deleting a version requires MFA", Production,
			buckets, satellite(bucketVersioning, "bucket", is("Enabled", "versioningConfiguration", "mfaDelete"))},
		{"bucket-kept", nil, "A bucket that contains objects cannot be deleted", Production, buckets, isNot(true, "forceDestroy")},
		{"data-bucket-protected", nil, "Pulumi refuses to delete the data bucket", Production,
			buckets.where(func(w *World, r graph.Resource) bool {
				return len(w.From(bucketLogging, "bucket", r)) > 0
			}), protected},
	}
}

func bucketTLS(w *World, r graph.Resource) string {
	policies := w.From(bucketPolicy, "bucket", r)
	if len(policies) != 1 {
		return fmt.Sprintf("it has %d policies, want one", len(policies))
	}
	d, err := document(policies[0], "policy")
	if err != nil {
		return err.Error()
	}
	for _, s := range d.Statement {
		if s.Effect == deny && len(s.Resource) == 2 && s.Action.matches("s3:anything") &&
			s.Resource[1] == s.Resource[0]+"/*" && deniesPlainText(policyDocument{[]statement{s}}, s.Resource...) {
			return ""
		}
	}
	return "its policy allows requests without TLS"
}

// bucketClosed: a bucket's policy allows only AWS services and, where it refers to some, roles of this stack.
func bucketClosed(w *World, r graph.Resource) string {
	d, err := document(r, "policy")
	if err != nil {
		return err.Error()
	}
	for _, s := range d.Statement {
		switch {
		case s.Effect == allow && !insiders(s.Principal, len(w.To(r, "policy", iamRole)) > 0):
			return fmt.Sprintf("%s allows %v", s.Sid, s.Principal)
		case s.Effect == deny && len(s.Condition) == 0:
			return s.Sid + " denies without a condition"
		}
	}
	return ""
}

// balancersOfChina are Elastic Load Balancing itself: in China its accounts write the access logs, elsewhere the service does.
var balancersOfChina = []string{"arn:aws-cn:iam::638102146993:root", "arn:aws-cn:iam::037604701340:root"}

// insiders tells whether a principal is only services, or roles in a policy that refers to roles of the stack.
func insiders(p principal, roles bool) bool {
	for kind, names := range p {
		service := kind == "Service" || kind == "AWS" && len(names) == 1 && slices.Contains(balancersOfChina, names[0])
		if !service && (kind != "AWS" || p.everyone() || !roles) {
			return false
		}
	}
	return len(p) > 0
}

func lifecycle(_ *World, r graph.Resource) string {
	expires, ends := false, false
	for _, rule := range list(r, "rules") {
		if at(rule, "status") != "Enabled" || !empty(at(rule, "filter", "prefix")) || !empty(at(rule, "filter", "tag")) {
			continue
		}
		if days, ok := number(at(rule, "noncurrentVersionExpiration", "noncurrentDays")); ok && days > 0 {
			expires = true
		}
		if days, ok := number(at(rule, "abortIncompleteMultipartUpload", "daysAfterInitiation")); ok && days > 0 && days <= 7 {
			ends = true
		}
	}
	switch {
	case !expires:
		return "old versions never expire"
	case !ends:
		return "incomplete uploads stay longer than a week"
	}
	return ""
}
