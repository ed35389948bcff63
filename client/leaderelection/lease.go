package leaderelection

import (
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// holderOf returns who holds the lease; nobody when it was released.
func holderOf(l *coordinationv1.Lease) string {
	if l == nil || l.Spec.HolderIdentity == nil {
		return ""
	}
	return *l.Spec.HolderIdentity
}

// claimed returns the lease as identity writes it to take it. A nil lease is not
// there yet.
func (c *Config) claimed(l *coordinationv1.Lease, now time.Time) *coordinationv1.Lease {
	at, seconds, transitions := metav1.NewMicroTime(now), int32(c.LeaseDuration/time.Second), int32(0)
	if l == nil {
		l = &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: c.Namespace, Name: c.Name}}
	} else {
		l = l.DeepCopy()
		if l.Spec.LeaseTransitions != nil {
			transitions = *l.Spec.LeaseTransitions
		}
		if holderOf(l) != c.Identity {
			transitions++
		}
	}
	acquired := &at
	if holderOf(l) == c.Identity && l.Spec.AcquireTime != nil {
		acquired = l.Spec.AcquireTime
	}
	l.Spec.HolderIdentity, l.Spec.LeaseDurationSeconds, l.Spec.LeaseTransitions = &c.Identity, &seconds, &transitions
	l.Spec.AcquireTime, l.Spec.RenewTime = acquired, &at
	return l
}

// released returns the lease as its holder leaves it.
func released(l *coordinationv1.Lease, now time.Time) *coordinationv1.Lease {
	at, second := metav1.NewMicroTime(now), int32(1)
	l = l.DeepCopy()
	l.Spec.HolderIdentity, l.Spec.LeaseDurationSeconds = nil, &second
	l.Spec.AcquireTime, l.Spec.RenewTime = &at, &at
	return l
}

// observed is the lease as it was last seen here.
type observed struct {
	lease *coordinationv1.Lease // nil: there is none
	// since is when it began to be so, by our own clock.
	since time.Time
}

// see returns what is known now that l was seen. What is not the holder's doing,
// such as a label, is no sign of life.
func (o observed) see(l *coordinationv1.Lease, now time.Time) observed {
	if o.lease != nil && l != nil && o.lease.UID == l.UID && equality.Semantic.DeepEqual(o.lease.Spec, l.Spec) {
		return observed{l, o.since}
	}
	return observed{l, now}
}

// wait returns how long from now on the lease must be left alone by identity.
func (o observed) wait(identity string, otherwise time.Duration, now time.Time) time.Duration {
	switch holderOf(o.lease) {
	case "", identity:
		return 0
	}
	life := otherwise
	if s := o.lease.Spec.LeaseDurationSeconds; s != nil {
		life = time.Duration(*s) * time.Second
	}
	return max(0, o.since.Add(life).Sub(now))
}
