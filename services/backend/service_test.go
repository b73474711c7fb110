package backend_test

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/services/backend"
)

// A method of the store that needs another step around it is not a method of the service: the wrong one would compile.
func TestServiceHasNoMethodOfTheStoreThatNeedsMore(t *testing.T) {
	t.Parallel()
	service := reflect.TypeFor[*backend.Service]()
	for _, name := range []string{
		"ClaimJobs", "NextDue", "Abandon", "GetLease", "SubmitJobs", "CreateFile", "GetUpload", "DeleteUpload", "EnsureToken", "Sweep", "Ping",
	} {
		_, inStore := reflect.TypeFor[backend.Store]().MethodByName(name)
		require.True(t, inStore, "%s: no method of the store", name)
		_, found := service.MethodByName(name)
		require.False(t, found, name)
	}
}
