package main

import (
	"fmt"
	"io"
)

// help lists the commands.
func help(to io.Writer) {
	fmt.Fprint(to, "ops works on a stack that runs in AWS. It takes its outputs from the Pulumi CLI, or from a file (-outputs).\n\n")
	for _, c := range commands {
		fmt.Fprintf(to, "  ops %-12s %s\n", c.Name, c.Summary)
	}
	fmt.Fprint(to, `
"ops COMMAND -h" lists the flags of a command.

Exit status: 0 done; 1 it failed, or the check found something; 2 wrong command line; 3 credentials, network, time or Ctrl-C ended it
on the way: run it again.
`)
}
