// Package clusterroleaggregation fills ClusterRoles that gather the rules of
// others by label.
package clusterroleaggregation

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"minke/client"
	"minke/client/reconcile"
)

const component = "clusterrole-aggregation-controller"

// Controller fills roles.
type Controller struct {
	roles client.Resource[*rbacv1.ClusterRole]
	view  client.Informer[*rbacv1.ClusterRole]
	loop  *reconcile.Loop
}

// New returns the controller.
func New(api client.Interface, informers *client.Informers) *Controller {
	c := &Controller{roles: client.Of(api, client.ClusterRoles), view: client.InformerOf(informers, client.ClusterRoles)}
	c.loop = reconcile.New(component, reconcile.Options{}, c.sync)
	wake := func(*rbacv1.ClusterRole) {
		for _, role := range c.view.List("", nil) {
			if role.AggregationRule != nil {
				c.loop.Add(client.KeyOf(role))
			}
		}
	}
	c.view.Handle(client.Handler[*rbacv1.ClusterRole]{Add: wake, Delete: wake, Update: func(_, role *rbacv1.ClusterRole) { wake(role) }})
	return c
}

// Run fills roles until ctx ends.
func (c *Controller) Run(ctx context.Context) error {
	if err := reconcile.WaitFor(ctx, c.view.Synced()); err != nil {
		return fmt.Errorf("%s: %w", component, err)
	}
	c.loop.Run(ctx, 2)
	return nil
}

func (c *Controller) sync(ctx context.Context, key client.Key) error {
	role, ok := c.view.Get("", key.Name)
	if !ok || role.AggregationRule == nil || role.DeletionTimestamp != nil {
		return nil
	}
	rules := []rbacv1.PolicyRule{}
	for i := range role.AggregationRule.ClusterRoleSelectors {
		selector, err := metav1.LabelSelectorAsSelector(&role.AggregationRule.ClusterRoleSelectors[i])
		if err != nil {
			return fmt.Errorf("aggregate cluster role %s: %w", key, err)
		}
		for _, other := range c.view.List("", selector) {
			if other.Name == role.Name {
				continue
			}
			for _, rule := range other.Rules {
				if !slices.ContainsFunc(rules, func(r rbacv1.PolicyRule) bool { return equality.Semantic.DeepEqual(r, rule) }) {
					rules = append(rules, rule)
				}
			}
		}
	}
	if equality.Semantic.DeepEqual(role.Rules, rules) {
		return nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": role.UID}, "rules": rules})
	if err != nil {
		return err
	}
	if _, err := c.roles.Patch(ctx, "", role.Name, types.MergePatchType, patch); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("aggregate cluster role %s: %w", key, err)
	}
	return nil
}
