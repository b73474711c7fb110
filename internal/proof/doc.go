// Package proof holds what is proven of the whole program: tests over the resource graphs that it plans, and nothing else.
// The graphs come from the plan engine, which runs the unmodified program as the Pulumi CLI does.
package proof
