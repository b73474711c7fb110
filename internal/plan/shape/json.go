package shape

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// Secrets decides how JSON writes a secret.
type Secrets bool

// HideSecrets writes {"secret": true}, RevealSecrets writes the value.
const (
	HideSecrets   Secrets = false
	RevealSecrets Secrets = true
)

// Key turns a URN into type::name; the stack's URN and "" into "".
func Key(urn string) string {
	u := resource.URN(urn)
	if urn == "" || !u.IsValid() || u.QualifiedType() == resource.RootStackType {
		return ""
	}
	return string(u.Type()) + "::" + u.Name()
}

// JSON turns properties into plain JSON values. Unknown values become {"unknown": true}.
func JSON(properties resource.PropertyMap, secrets Secrets) map[string]any {
	out := map[string]any{}
	for key, value := range properties {
		out[string(key)] = Value(value, secrets)
	}
	return out
}

// Value turns one property into a plain JSON value.
func Value(v resource.PropertyValue, secrets Secrets) any {
	switch {
	case v.IsNull():
		return nil
	case v.IsSecret():
		if secrets == HideSecrets {
			return map[string]any{"secret": true}
		}
		return Value(v.SecretValue().Element, secrets)
	case v.IsComputed():
		return map[string]any{"unknown": true}
	case v.IsOutput():
		o := v.OutputValue()
		switch {
		case o.Secret && secrets == HideSecrets:
			return map[string]any{"secret": true}
		case !o.Known:
			return map[string]any{"unknown": true}
		}
		return Value(o.Element, secrets)
	case v.IsArray():
		list := make([]any, len(v.ArrayValue()))
		for i, e := range v.ArrayValue() {
			list[i] = Value(e, secrets)
		}
		return list
	case v.IsObject():
		return JSON(v.ObjectValue(), secrets)
	case v.IsAsset():
		a := v.AssetValue()
		return map[string]any{"asset": a.Text + a.Path + a.URI}
	case v.IsArchive():
		a := v.ArchiveValue()
		return map[string]any{"archive": a.Path + a.URI}
	case v.IsResourceReference():
		return Key(string(v.ResourceReferenceValue().URN))
	case v.IsBool(), v.IsNumber(), v.IsString():
		return v.V
	}
	panic(fmt.Sprintf("shape: no JSON form for a %s", v.TypeString()))
}
