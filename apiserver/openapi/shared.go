package openapi

import (
	"encoding/base64"
	"encoding/json"
	"hash/fnv"

	"k8s.io/kube-openapi/pkg/validation/spec"
)

// share writes a parameter among those that operations refer to, and returns
// the reference. key tells parameters apart.
func (b *build) share(key any, p object) object {
	ref, ok := b.refs[key]
	if !ok {
		name := p["name"].(string) + "-" + sum(p)
		b.shared[name] = p
		ref = object{"$ref": "#/parameters/" + name}
		b.refs[key] = ref
	}
	return ref
}

// sum is part of a shared parameter's name: the FNV-1 hash of what it says, in
// the order in which kube-openapi writes that.
func sum(p object) string {
	var typed spec.Parameter
	h := fnv.New64()
	if raw, err := json.Marshal(p); err == nil && json.Unmarshal(raw, &typed) == nil {
		if raw, err = json.Marshal(typed); err == nil {
			_, _ = h.Write(raw)
		}
	}
	return base64.URLEncoding.EncodeToString(h.Sum(nil)[:6])
}

// body is the parameter by which v2 tells what is sent. What is of no kind of
// its own is shared.
func (b *build) body(op operation) object {
	p := object{"name": "body", "in": "body", "schema": b.schemaOf(op.body)}
	if op.method != "delete" {
		p["required"] = true
	}
	if t := op.body.goType; t == deleteOptions || t == patchType {
		return b.share(t, p)
	}
	return p
}
