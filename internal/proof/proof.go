// Package proof holds what is proven of the whole program: tests over the resource graphs that it plans. The root package's
// TestProof hands its program over and runs them. A main package cannot be imported, and starting the program for each of
// hundreds of graphs would take longer than all the rest.
package proof

import (
	"reflect"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Suite has the tests: each of its methods is one.
type Suite struct{}

// root is the directory of the program, which is that of its tests.
const root = "."

var program pulumi.RunFunc

// Run runs all tests of the suite on a program, side by side.
func Run(t *testing.T, p pulumi.RunFunc) {
	program = p
	suite := reflect.ValueOf(Suite{})
	for i := range suite.NumMethod() {
		test := suite.Method(i).Interface().(func(*testing.T))
		t.Run(suite.Type().Method(i).Name, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
}
