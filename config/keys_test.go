package config

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestKeysAcceptTheirValues: internal/proof builds stacks from these values, so each key must accept its values.
func TestKeysAcceptTheirValues(t *testing.T) {
	settings := schema(&Config{})
	keys := Keys()
	require.Len(t, keys, len(settings))
	for i, key := range keys {
		s := settings[i]
		require.Equal(t, s.key, key.Name)
		require.Equal(t, s.show(), key.Default)
		require.Contains(t, []Kind{Integer, Boolean, Text, List, Map}, key.Kind, key.Name)
		require.NotEmpty(t, key.Allowed, key.Name)
		require.Greater(t, len(key.Values), 1, "%s needs a second value for the test of its effect", key.Name)
		for j, value := range key.Values {
			encoded, err := json.Marshal(map[string]any{s.name(): value})
			require.NoError(t, err)
			members, err := readObject(string(encoded))
			require.NoError(t, err)
			require.Empty(t, s.decode(members[0].value), "%s does not accept %v", key.Name, value)
			if j == 0 {
				require.Equal(t, key.Default, s.show(), "%s: the first value must be the default", key.Name)
			}
			for _, earlier := range key.Values[:j] {
				require.False(t, reflect.DeepEqual(earlier, value), "%s has %v twice", key.Name, value)
			}
		}
	}
}
