package oidc

import (
	"context"
	"encoding/json"
	"errors"

	celgo "github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	authenticationcel "k8s.io/apiserver/pkg/authentication/cel"
	apiservercel "k8s.io/apiserver/pkg/cel"

	"minke/api/inprocess"
)

// claimsValue is the claims as expressions see them.
func claimsValue(c claims) traits.Mapper {
	plain := make(map[string]any, len(c))
	for name, raw := range c {
		var v any
		if json.Unmarshal(raw, &v) == nil {
			plain[name] = v
		}
	}
	return escaped(types.DefaultTypeAdapter.NativeToValue(plain)).(traits.Mapper)
}

// userValue is a user as expressions see it.
func userValue(u *inprocess.User) traits.Mapper {
	return types.DefaultTypeAdapter.NativeToValue(map[string]any{
		"username": u.Name, "uid": u.UID, "groups": append([]string{}, u.Groups...), "extra": u.Extra,
	}).(traits.Mapper)
}

// names is a map whose keys are also found by the escaped form in which
// expressions write what is no identifier.
type names struct{ traits.Mapper }

type items struct{ traits.Lister }

func escaped(v ref.Val) ref.Val {
	switch v := v.(type) {
	case traits.Mapper:
		return names{v}
	case traits.Lister:
		return items{v}
	}
	return v
}

// Find implements traits.Mapper.
func (m names) Find(key ref.Val) (ref.Val, bool) {
	v, ok := m.Mapper.Find(key)
	if text, is := key.(types.String); !ok && is {
		if plain, was := apiservercel.Unescape(string(text)); was {
			v, ok = m.Mapper.Find(types.String(plain))
		}
	}
	if !ok {
		return v, false
	}
	return escaped(v), true
}

// Contains implements traits.Container.
func (m names) Contains(key ref.Val) ref.Val {
	_, ok := m.Find(key)
	return types.Bool(ok)
}

// Get implements traits.Indexer.
func (m names) Get(key ref.Val) ref.Val {
	if v, ok := m.Find(key); ok {
		return v
	}
	return m.Mapper.Get(key)
}

// Get implements traits.Indexer.
func (l items) Get(index ref.Val) ref.Val { return escaped(l.Lister.Get(index)) }

func textOf(ctx context.Context, m authenticationcel.ClaimsMapper, value traits.Mapper) (string, error) {
	result, err := m.EvalClaimMapping(ctx, value)
	if err != nil {
		return "", err
	}
	text, ok := result.EvalResult.Value().(string)
	if !ok {
		return "", errors.New("expression must return a string")
	}
	return text, nil
}

func listOf(ctx context.Context, m authenticationcel.ClaimsMapper, value traits.Mapper) ([]string, error) {
	result, err := m.EvalClaimMapping(ctx, value)
	if err != nil {
		return nil, err
	}
	return texts(result.EvalResult)
}

// texts takes a text or a list of them; empty ones count as absent.
func texts(v ref.Val) ([]string, error) {
	wrong := errors.New("expression must return a string or a list of strings")
	if v.Type() == celgo.NullType {
		return nil, nil
	}
	var out []string
	add := func(v ref.Val) error {
		text, ok := v.Value().(string)
		if !ok {
			return wrong
		}
		if text != "" {
			out = append(out, text)
		}
		return nil
	}
	list, ok := v.(traits.Lister)
	if !ok {
		err := add(v)
		return out, err
	}
	for it := list.Iterator(); it.HasNext() == types.True; {
		if err := add(it.Next()); err != nil {
			return nil, err
		}
	}
	return out, nil
}
