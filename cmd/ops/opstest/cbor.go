package opstest

import (
	"encoding/json"
	"fmt"

	"github.com/aws/smithy-go/encoding/cbor"
)

// asCBOR is JSON as CBOR. An empty text is an empty map.
func asCBOR(text string) string {
	if text == "" {
		text = "{}"
	}
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		panic(fmt.Sprintf("the answer of a test: %v", err))
	}
	return string(cbor.Encode(cborValue(value)))
}

func cborValue(value any) cbor.Value {
	switch v := value.(type) {
	case string:
		return cbor.String(v)
	case bool:
		return cbor.Bool(v)
	case float64:
		return cbor.Float64(v)
	case []any:
		list := cbor.List{}
		for _, one := range v {
			list = append(list, cborValue(one))
		}
		return list
	case map[string]any:
		object := cbor.Map{}
		for key, one := range v {
			object[key] = cborValue(one)
		}
		return object
	}
	return &cbor.Nil{}
}
