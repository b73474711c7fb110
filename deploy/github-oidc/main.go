// The program makes what workflows of one GitHub repository need in one AWS account: GitHub as an identity provider, a role for previews,
// one for the check for drift, one for the deployments of each stack, and the boundary of every role that a deployment makes. Its own state
// is the owner's: no role here may change it. docs/delivery.md tells how it is used.
package main

import "github.com/pulumi/pulumi/sdk/v3/go/pulumi"

func main() { pulumi.Run(program) }
