package authn

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilvalidation "k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api/inprocess"
	"minke/apiserver/request"
)

// way is one manner of impersonation that is narrower than that of old
// (KEP-5284): it takes the right to act as the user, and the right to make this
// very request by acting as somebody:
//
//	impersonate:WAY          on users, groups, uids, userextras, serviceaccounts, nodes
//	impersonate-on:WAY:VERB  on what the request is about
type way struct {
	name string
	// applies tells whether wanted is of the sort that the way is for.
	applies func(by, wanted *inprocess.User) bool
	// asker is as whom the rights are asked for; nil means as who asks.
	asker func(by *inprocess.User) *inprocess.User
}

const (
	nodePrefix = "system:node:"
	nodesGroup = "system:nodes"
	masters    = "system:masters"
)

// constrained are the ways, the narrowest first.
var constrained = []way{
	{name: "associated-node", applies: func(by, wanted *inprocess.User) bool {
		node, ok := nodeOf(wanted)
		_, _, account := splitAccount(by.Name)
		return ok && nameOnly(wanted) && account && slices.Equal(by.Extra[nodeNameKey], []string{node})
	}, asker: anyNode},
	{name: "arbitrary-node", applies: func(_, wanted *inprocess.User) bool {
		_, ok := nodeOf(wanted)
		return ok && nameOnly(wanted)
	}},
	{name: "serviceaccount", applies: func(_, wanted *inprocess.User) bool {
		_, _, ok := splitAccount(wanted.Name)
		return ok && nameOnly(wanted)
	}},
	{name: "user-info", applies: func(_, wanted *inprocess.User) bool {
		_, node := nodeOf(wanted)
		_, _, account := splitAccount(wanted.Name)
		return !node && !account
	}},
}

func nodeOf(u *inprocess.User) (string, bool) {
	name, ok := strings.CutPrefix(u.Name, nodePrefix)
	return name, ok && len(validation.NameIsDNSSubdomain(name, false)) == 0
}

func nameOnly(u *inprocess.User) bool {
	return u.UID == "" && len(u.Groups) == 0 && len(u.Extra) == 0
}

// anyNode is a service account without what tells on which node it runs: that
// it is the wanted one was seen already, and the right is for whichever it is.
func anyNode(by *inprocess.User) *inprocess.User {
	with := *by
	with.Extra = map[string][]string{"authentication.kubernetes.io/associated-node-keys": slices.Sorted(maps.Keys(by.Extra))}
	return &with
}

// act returns wanted, completed, or the refusal.
func (w way) act(ctx context.Context, may func(context.Context, *inprocess.User, *request.Info) error, by, wanted *inprocess.User, info *request.Info) (*inprocess.User, error) {
	if w.asker != nil {
		by = w.asker(by)
	}
	on := *info
	on.Verb = "impersonate-on:" + w.name + ":" + info.Verb
	if err := may(ctx, by, &on); err != nil {
		return nil, err
	}
	if err := sane(wanted); err != nil {
		return nil, err
	}
	for _, q := range impersonations(wanted) {
		q.Verb, q.Group = "impersonate:"+w.name, "authentication.k8s.io"
		if node, ok := nodeOf(wanted); ok && q.Resource == "users" {
			q.Resource, q.Name = "nodes", node
			if w.asker != nil {
				q.Name = "*"
			}
		}
		if err := may(ctx, by, &q); err != nil {
			return nil, err
		}
	}
	as := *wanted
	if _, ok := nodeOf(wanted); ok {
		as.Groups = []string{nodesGroup}
	}
	complete(&as)
	return &as, nil
}

// sane refuses what nobody has by himself.
func sane(wanted *inprocess.User) error {
	if slices.Contains(wanted.Groups, "") {
		return forbidden("groups", "", errors.New("impersonating the empty string group is not allowed"))
	}
	if slices.Contains(wanted.Groups, masters) {
		return forbidden("groups", masters, errors.New("impersonating the system:masters group is not allowed"))
	}
	for key, values := range wanted.Extra {
		if err := saneExtra(key, values); err != nil {
			return forbidden("userextras", "", err)
		}
	}
	return nil
}

func saneExtra(key string, values []string) error {
	if key == "" {
		return errors.New("impersonating the empty string key in extra is not allowed")
	}
	if err := utilvalidation.IsDomainPrefixedPath(field.NewPath("extra", "key"), key).ToAggregate(); err != nil {
		return fmt.Errorf("impersonating an invalid key in extra is not allowed: %w", err)
	}
	if len(values) == 0 || slices.Contains(values, "") {
		return errors.New("impersonating the empty string value in extra is not allowed")
	}
	return nil
}

func forbidden(resource, name string, why error) error {
	return apierrors.NewForbidden(schema.GroupResource{Group: "authentication.k8s.io", Resource: resource}, name, why)
}
