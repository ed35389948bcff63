package servers

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strconv"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"

	"minke/client"
)

// The lease of a server's identity, as kube-apiserver writes it (KEP-1965).
const (
	identityLabel = "apiserver.kubernetes.io/identity"
	identityValue = "kube-apiserver"
	// identityLife is for how long it counts after its last renewal, and how
	// often those that do not count any more are deleted.
	identityLife = time.Hour
	// identityRenewal is the pause between renewals.
	identityRenewal = 10 * time.Second
	// identityAlive is how old the last renewal of a server that runs may be: it
	// may miss two, and clocks differ a little.
	identityAlive = 3*identityRenewal + 10*time.Second
)

// Identity is a server as others know it.
type Identity struct {
	// API is the API with this server's rights.
	API client.Interface
	// Host is this machine's name.
	Host string
	Keys Keys
	// Port is where the API is served, which is the same on all servers.
	Port int32
	Log  *slog.Logger
	// holder is made by Join.
	holder string
}

// Name is that of the server, and of its lease.
func (i *Identity) Name() string { return NameOn(i.Host) }

// NameOn is the name of the server on a host, as kube-apiserver there would be
// called.
func NameOn(host string) string {
	sum := sha256.Sum256([]byte(host))
	return "apiserver-" + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:16]))
}

// Join writes the lease for the first time. It fails when a server that runs has
// other keys, so that each would refuse whom the other lets in, or another port, so
// that nobody would reach one of them.
func (i *Identity) Join(ctx context.Context) error {
	i.holder = i.Name() + "_" + string(uuid.NewUUID())
	// First it is written, so that of two that begin at a time one sees the other.
	if err := i.renew(ctx); err != nil {
		return fmt.Errorf("write the identity of this server: %w", err)
	}
	others, err := i.all(ctx)
	if err != nil {
		return fmt.Errorf("find the other servers: %w", err)
	}
	for _, l := range others {
		if l.Name == i.Name() || !renewedSince(l, time.Now().Add(-identityAlive)) {
			continue
		}
		err := i.Keys.agree(keysOf(l))
		if err == nil {
			err = agreeOnPort(i.Port, l)
		}
		if err != nil {
			err = fmt.Errorf("join the server on %s (Lease %s/%s): %w", l.Labels[corev1.LabelHostname], l.Namespace, l.Name, err)
			// Nobody else is to be held up by what this server would have been.
			if gone := i.leases().Delete(ctx, metav1.NamespaceSystem, i.Name(), metav1.DeleteOptions{}); gone != nil {
				err = errors.Join(err, fmt.Errorf("delete the identity of this server: %w", gone))
			}
			return err
		}
	}
	return nil
}

// Run renews the lease, and deletes those of servers that are long gone, until
// ctx ends.
func (i *Identity) Run(ctx context.Context) error {
	var collected time.Time
	for pause(ctx, identityRenewal) {
		if err := i.renew(ctx); err != nil && ctx.Err() == nil {
			i.Log.Warn("the identity of this server cannot be renewed", "err", err)
		}
		if time.Since(collected) < identityLife {
			continue
		}
		if err := i.collect(ctx); err != nil {
			if ctx.Err() == nil {
				i.Log.Warn("the identities of servers that are gone cannot be deleted", "err", err)
			}
			continue
		}
		collected = time.Now()
	}
	return ctx.Err()
}

func (i *Identity) leases() client.Resource[*coordinationv1.Lease] {
	return client.Of(i.API, client.Leases)
}

func (i *Identity) all(ctx context.Context) ([]*coordinationv1.Lease, error) {
	all, _, err := i.leases().List(ctx, metav1.NamespaceSystem, metav1.ListOptions{LabelSelector: identityLabel + "=" + identityValue})
	return all, err
}

// renew writes the lease as of now.
func (i *Identity) renew(ctx context.Context) error {
	now, seconds := metav1.NowMicro(), int32(identityLife/time.Second)
	annotations := i.Keys.annotations()
	annotations[portAnnotation] = strconv.Itoa(int(i.Port))
	wanted := &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{
			Name: i.Name(), Namespace: metav1.NamespaceSystem,
			Labels:      map[string]string{identityLabel: identityValue, corev1.LabelHostname: i.Host},
			Annotations: annotations,
		},
		Spec: coordinationv1.LeaseSpec{HolderIdentity: &i.holder, LeaseDurationSeconds: &seconds, RenewTime: &now},
	}
	return ensure(ctx, i.leases(), wanted, func(have, wanted *coordinationv1.Lease) bool {
		if have.Labels == nil {
			have.Labels = map[string]string{}
		}
		if have.Annotations == nil {
			have.Annotations = map[string]string{}
		}
		maps.Copy(have.Labels, wanted.Labels)
		maps.Copy(have.Annotations, wanted.Annotations)
		have.Spec = wanted.Spec
		return true
	})
}

// collect deletes the leases that have expired.
func (i *Identity) collect(ctx context.Context) error {
	all, err := i.all(ctx)
	if err != nil {
		return err
	}
	for _, l := range all {
		life := identityLife
		if s := l.Spec.LeaseDurationSeconds; s != nil {
			life = time.Duration(*s) * time.Second
		}
		if renewedSince(l, time.Now().Add(-life)) {
			continue
		}
		err := i.leases().Delete(ctx, l.Namespace, l.Name, metav1.DeleteOptions{
			Preconditions: &metav1.Preconditions{UID: &l.UID, ResourceVersion: &l.ResourceVersion},
		})
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			return err
		}
	}
	return nil
}

func renewedSince(l *coordinationv1.Lease, at time.Time) bool {
	return l.Spec.RenewTime != nil && l.Spec.RenewTime.After(at)
}
