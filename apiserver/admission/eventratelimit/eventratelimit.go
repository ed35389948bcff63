// Package eventratelimit bounds how many events are written: by all together, in
// a namespace, by a user, or by one source about one object.
package eventratelimit

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"sigs.k8s.io/yaml"

	"minke/apiserver/admission"
)

// The types of limits.
const (
	server          = "Server"
	namespace       = "Namespace"
	user            = "User"
	sourceAndObject = "SourceAndObject"
)

// Configuration lists the limits (eventratelimit.admission.k8s.io/v1alpha1).
type Configuration struct {
	Kind       string  `json:"kind"`
	APIVersion string  `json:"apiVersion"`
	Limits     []Limit `json:"limits"`
}

// Limit is one bound.
type Limit struct {
	Type string `json:"type"`
	// QPS events a second are let through, Burst at once.
	QPS   int32 `json:"qps"`
	Burst int32 `json:"burst"`
	// CacheSize bounds for how many keys (namespaces, users, …) at a time there
	// is a record. The one not used for longest is forgotten. Zero means 4096.
	CacheSize int32 `json:"cacheSize,omitempty"`
}

// Plugin is the admission plug-in.
type Plugin struct{ limits []*limiter }

var _ admission.Validator = (*Plugin)(nil)

// New returns the plug-in of a Configuration; now may be nil.
func New(config []byte, now func() time.Time) (*Plugin, error) {
	var read Configuration
	if err := yaml.UnmarshalStrict(config, &read); err != nil {
		return nil, fmt.Errorf("read configuration of EventRateLimit: %w", err)
	}
	if len(read.Limits) == 0 {
		return nil, errors.New("configure EventRateLimit: it has no limits")
	}
	if now == nil {
		now = time.Now
	}
	p, seen := &Plugin{}, map[string]bool{}
	for i, l := range read.Limits {
		if err := l.check(); err != nil {
			return nil, fmt.Errorf("configure EventRateLimit: limits[%d]: %w", i, err)
		}
		if seen[l.Type] {
			return nil, fmt.Errorf("configure EventRateLimit: limits[%d]: there is one of type %s already", i, l.Type)
		}
		seen[l.Type] = true
		p.limits = append(p.limits, newLimiter(l, now))
	}
	return p, nil
}

func (l Limit) check() error {
	switch l.Type {
	case server, namespace, user, sourceAndObject:
	default:
		return fmt.Errorf("type %q is none of Server, Namespace, User, SourceAndObject", l.Type)
	}
	switch {
	case l.QPS <= 0:
		return errors.New("qps must be positive")
	case l.Burst <= 0:
		return errors.New("burst must be positive")
	case l.CacheSize < 0:
		return errors.New("cacheSize must not be negative")
	}
	return nil
}

// Validate implements admission.Validator. Every limit is asked, so that none
// is spent by what another one refuses more than by what it lets through.
func (p *Plugin) Validate(_ context.Context, a *admission.Attributes) error {
	event, ok := a.Object.(*corev1.Event)
	if !ok || a.DryRun || a.Operation != admission.Create && a.Operation != admission.Update {
		return nil
	}
	var errs []error
	for _, l := range p.limits {
		if key := keyOf(l.Type, a, event); !l.accept(key) {
			errs = append(errs, fmt.Errorf("limit reached on type %v for key %v", l.Type, key))
		}
	}
	if len(errs) > 0 {
		return apierrors.NewTooManyRequestsError(utilerrors.NewAggregate(errs).Error())
	}
	return nil
}

func keyOf(limit string, a *admission.Attributes, event *corev1.Event) string {
	switch limit {
	case namespace:
		return a.Namespace
	case user:
		if a.User != nil {
			return a.User.Name
		}
	case sourceAndObject:
		o := event.InvolvedObject
		return strings.Join([]string{event.Source.Component, event.Source.Host, o.Kind, o.Namespace, o.Name, string(o.UID), o.APIVersion}, "")
	}
	return ""
}
