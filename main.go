// The program deploys the whole system to one stack.
package main

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/system"
)

func main() { pulumi.Run(system.Program) }
