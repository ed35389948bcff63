package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	celgo "github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types/traits"
	"k8s.io/apiserver/pkg/apis/apiserver"
	authenticationcel "k8s.io/apiserver/pkg/authentication/cel"

	"minke/api/inprocess"
	"minke/apiserver/authn"
)

// claims are those of a verified token, by name.
type claims map[string]json.RawMessage

func (c claims) read(name string, into any) error {
	raw, ok := c[name]
	if !ok {
		return fmt.Errorf("claim %q is not present", name)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("claim %q: %w", name, err)
	}
	return nil
}

// mapped makes a user of claims.
func (i *issuer) mapped(ctx context.Context, c claims) (*inprocess.User, error) {
	m, value := i.config.ClaimMappings, claimsValue(c)
	user := &inprocess.User{}
	var err error
	if user.Name, err = i.username(ctx, c, value); err != nil {
		return nil, fmt.Errorf("username: %w", err)
	}
	switch {
	case m.Groups.Claim != "":
		user.Groups, err = groups(c, m.Groups)
	case i.mapper.Groups != nil:
		user.Groups, err = listOf(ctx, i.mapper.Groups, value)
	}
	if err != nil {
		return nil, fmt.Errorf("groups: %w", err)
	}
	switch {
	case m.UID.Claim != "":
		err = c.read(m.UID.Claim, &user.UID)
	case i.mapper.UID != nil:
		user.UID, err = textOf(ctx, i.mapper.UID, value)
	}
	if err != nil {
		return nil, fmt.Errorf("uid: %w", err)
	}
	if user.Extra, err = i.extra(ctx, c, value); err != nil {
		return nil, fmt.Errorf("extra: %w", err)
	}
	return user, nil
}

func (i *issuer) username(ctx context.Context, c claims, value traits.Mapper) (string, error) {
	if i.mapper.Username != nil {
		name, err := textOf(ctx, i.mapper.Username, value)
		if err == nil && name == "" {
			err = errors.New("the expression gave an empty text")
		}
		return name, err
	}
	m := i.config.ClaimMappings.Username
	var name string
	if err := c.read(m.Claim, &name); err != nil {
		return "", err
	}
	if _, told := c["email_verified"]; told && m.Claim == "email" {
		var verified bool
		if err := c.read("email_verified", &verified); err != nil {
			return "", err
		}
		if !verified {
			return "", errors.New("email not verified")
		}
	}
	if m.Prefix != nil {
		name = *m.Prefix + name
	}
	return name, nil
}

// groups reads a claim that is a list of texts, or one text.
func groups(c claims, m apiserver.PrefixedClaimOrExpression) ([]string, error) {
	if _, ok := c[m.Claim]; !ok {
		return nil, nil
	}
	var list []string
	if err := c.read(m.Claim, &list); err != nil {
		var one string
		if c.read(m.Claim, &one) != nil {
			return nil, err
		}
		list = []string{one}
	}
	if m.Prefix != nil {
		for i := range list {
			list[i] = *m.Prefix + list[i]
		}
	}
	return list, nil
}

func (i *issuer) extra(ctx context.Context, c claims, value traits.Mapper) (map[string][]string, error) {
	extra := map[string][]string{}
	var id string
	if c.read("jti", &id) == nil && id != "" {
		extra[authn.CredentialID] = []string{"JTI=" + id}
	}
	if i.mapper.Extra == nil {
		return extra, nil
	}
	results, err := i.mapper.Extra.EvalClaimMappings(ctx, value)
	if err != nil {
		return nil, err
	}
	for _, r := range results {
		mapping, ok := r.ExpressionAccessor.(*authenticationcel.ExtraMappingExpression)
		if !ok {
			return nil, fmt.Errorf("an expression is a %T", r.ExpressionAccessor)
		}
		values, err := texts(r.EvalResult)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", mapping.Key, err)
		}
		if len(values) > 0 {
			extra[mapping.Key] = values
		}
	}
	return extra, nil
}

// validate holds claims and user to the configuration's rules.
func (i *issuer) validate(ctx context.Context, c claims, user *inprocess.User) error {
	for _, rule := range i.config.ClaimValidationRules {
		if rule.Claim == "" {
			continue
		}
		var have string
		if err := c.read(rule.Claim, &have); err != nil {
			return fmt.Errorf("required %w", err)
		}
		if have != rule.RequiredValue {
			return fmt.Errorf("required claim %q is %q, want %q", rule.Claim, have, rule.RequiredValue)
		}
	}
	if i.mapper.ClaimValidationRules != nil {
		results, err := i.mapper.ClaimValidationRules.EvalClaimMappings(ctx, claimsValue(c))
		if err := holds(results, err); err != nil {
			return fmt.Errorf("validate claims: %w", err)
		}
	}
	if i.mapper.UserValidationRules != nil {
		results, err := i.mapper.UserValidationRules.EvalUser(ctx, userValue(user))
		if err := holds(results, err); err != nil {
			return fmt.Errorf("validate user: %w", err)
		}
	}
	return nil
}

// holds tells which of the rules does not hold.
func holds(results []authenticationcel.EvaluationResult, err error) error {
	if err != nil {
		return err
	}
	for _, r := range results {
		if r.EvalResult.Type() != celgo.BoolType {
			return errors.New("validation expression must return a boolean")
		}
		if r.EvalResult.Value() == true {
			continue
		}
		message := ""
		switch rule := r.ExpressionAccessor.(type) {
		case *authenticationcel.ClaimValidationCondition:
			message = rule.Message
		case *authenticationcel.UserValidationCondition:
			message = rule.Message
		}
		return fmt.Errorf("validation expression '%s' failed: %s", r.ExpressionAccessor.GetExpression(), message)
	}
	return nil
}
