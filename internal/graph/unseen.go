package graph

import (
	"fmt"
	"strings"
)

// Unseen is what a plan does not know of a stack that takes values from environments of Pulumi ESC (`environment:` in its file):
// they cannot be opened without a login.
type Unseen struct {
	File         string   // the stack's file
	Local        string   // the file beside it that may give the values to the plan, and to nothing else
	Environments []string // by name; "(defined here)" is one that the file holds itself
	Keys         []string // those of the project, and aws:region, that have no value here
}

func (u *Unseen) String() string {
	none := ""
	if len(u.Keys) > 0 {
		none = " These keys have no value here: " + strings.Join(u.Keys, ", ") + ". Of the others, what stands here is seen."
	}
	return fmt.Sprintf("%s: environment %s cannot be opened without a login to Pulumi Cloud, so what it sets under pulumiConfig is not in "+
		"this plan.%s Give such values with -set key=value, or under \"config\" in %s, which the plan alone reads",
		u.File, strings.Join(u.Environments, ", "), none, u.Local)
}
