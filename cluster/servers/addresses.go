package servers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/apiserver/codec"
	"minke/client"
	"minke/store"
)

const (
	// addressLife is how long the address of a server that ended otherwise than
	// by request stays: that of kube-apiserver's lease reconciler.
	addressLife = 15 * time.Second
	// addressPause is the pause before what could not be written, or what
	// somebody else has written otherwise, is written again.
	addressPause = 2 * time.Second
)

// Addresses keeps the endpoints of default/kubernetes: the addresses of all
// servers that run.
type Addresses struct {
	// Store is shared by all servers; it is a store.Holder.
	Store store.Store
	// Prefix is where the addresses are in it, such as /registry/masterleases/.
	Prefix string
	// API writes the endpoints.
	API client.Interface
	// Own is this server's address. All servers have the same Port.
	Own  netip.Addr
	Port int32
	Log  *slog.Logger
}

// Run holds this server's address in the store, and keeps the endpoints by what
// others hold there, until ctx ends. It returns when its own address is gone.
func (a *Addresses) Run(ctx context.Context) error {
	holder, ok := a.Store.(store.Holder)
	if !ok {
		return fmt.Errorf("keep the endpoints of the API: a %T cannot hold addresses", a.Store)
	}
	value, err := addressValue(a.Own)
	if err != nil {
		return err
	}
	var running sync.WaitGroup
	running.Go(func() { a.follow(ctx) })
	defer running.Wait()
	if err := holder.Hold(ctx, a.Prefix+a.Own.String(), value, addressLife); ctx.Err() == nil {
		return fmt.Errorf("hold this server's address: %w", err)
	} else if errors.Is(err, store.ErrUnavailable) {
		a.Log.Warn("this server's address could not be taken back: it stays until its lease expires", "err", err)
	}
	return ctx.Err()
}

// addressValue is what kube-apiserver keeps under an address.
func addressValue(ip netip.Addr) ([]byte, error) {
	return codec.EncodeProtobuf(&corev1.Endpoints{
		Subsets: []corev1.EndpointSubset{{Addresses: []corev1.EndpointAddress{{IP: ip.String()}}}},
	}, corev1.SchemeGroupVersion.WithKind("Endpoints"))
}

// follow writes the endpoints whenever the addresses, or they, have changed.
func (a *Addresses) follow(ctx context.Context) {
	changed := make(chan struct{}, 1)
	informers := client.NewInformers(a.API)
	notice := func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	endpoints := client.InformerOf(informers, client.Endpoints, client.InNamespace(metav1.NamespaceDefault), client.WithFields("metadata.name="+serviceName))
	endpoints.Handle(noticing[*corev1.Endpoints](notice))
	informed := client.InformerOf(informers, client.EndpointSlices, client.InNamespace(metav1.NamespaceDefault), client.WithFields("metadata.name="+serviceName))
	informed.Handle(noticing[*discoveryv1.EndpointSlice](notice))
	informers.Start(ctx)
	for ctx.Err() == nil {
		if err := a.followStore(ctx, changed); ctx.Err() == nil {
			a.Log.Warn("the addresses of the servers cannot be followed", "err", err)
			pause(ctx, addressPause)
		}
	}
}

func noticing[T client.Object](notice func()) client.Handler[T] {
	return client.Handler[T]{Update: func(T, T) { notice() }, Delete: func(T) { notice() }}
}

// followStore reads the addresses and follows them until the watch ends.
func (a *Addresses) followStore(ctx context.Context, changed <-chan struct{}) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	all, err := a.Store.Range(ctx, store.Range{Prefix: a.Prefix})
	if err != nil {
		return err
	}
	known := map[netip.Addr]bool{}
	for _, entry := range all.Entries {
		a.note(known, entry.Key, true)
	}
	w, err := a.Store.Watch(ctx, a.Prefix, all.Revision)
	if err != nil {
		return err
	}
	timer := time.NewTimer(0) // the endpoints are due
	defer timer.Stop()
	for {
		select {
		case b, ok := <-w.Batches():
			if !ok {
				return w.Err()
			}
			for _, e := range b.Events {
				a.note(known, e.Entry.Key, !e.Deleted)
			}
			if len(b.Events) > 0 {
				timer.Reset(0)
			}
		case <-changed:
			timer.Reset(addressPause)
		case <-timer.C:
			if err := a.write(ctx, slices.Collect(maps.Keys(known))); err != nil && ctx.Err() == nil {
				a.Log.Warn("the endpoints of the API cannot be written", "err", err)
				timer.Reset(addressPause)
			}
		}
	}
}

// note takes notice that a server has come or gone. What is no address is not
// ours.
func (a *Addresses) note(known map[netip.Addr]bool, key string, there bool) {
	ip, err := netip.ParseAddr(strings.TrimPrefix(key, a.Prefix))
	switch {
	case err != nil:
	case there:
		known[ip] = true
	default:
		delete(known, ip)
	}
}

// write makes the endpoints those of addresses. While not even our own address
// is held, as when etcd has just come back, what is there is left.
func (a *Addresses) write(ctx context.Context, addresses []netip.Addr) error {
	if len(addresses) == 0 {
		return nil
	}
	err := ensure(ctx, client.Of(a.API, client.Endpoints), Endpoints(addresses, a.Port), func(have, want *corev1.Endpoints) bool {
		if equality.Semantic.DeepEqual(have.Subsets, want.Subsets) {
			return false
		}
		have.Subsets = want.Subsets
		return true
	})
	if err != nil {
		return fmt.Errorf("write the Endpoints default/kubernetes: %w", err)
	}
	slices := client.Of(a.API, client.EndpointSlices)
	want := Slice(addresses, a.Port)
	if have, err := slices.Get(ctx, want.Namespace, want.Name); err == nil && have.AddressType != want.AddressType {
		// It cannot be changed.
		if err := slices.Delete(ctx, want.Namespace, want.Name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("replace the EndpointSlice default/kubernetes: %w", err)
		}
	}
	err = ensure(ctx, slices, want, func(have, want *discoveryv1.EndpointSlice) bool {
		if equality.Semantic.DeepEqual(have.Endpoints, want.Endpoints) && equality.Semantic.DeepEqual(have.Ports, want.Ports) {
			return false
		}
		have.Endpoints, have.Ports = want.Endpoints, want.Ports
		return true
	})
	if err != nil {
		return fmt.Errorf("write the EndpointSlice default/kubernetes: %w", err)
	}
	return nil
}

// ensure creates wanted, or changes what is there, unless change says that there
// is nothing to do.
func ensure[T interface {
	client.Object
	DeepCopy() T
}](ctx context.Context, objects client.Resource[T], wanted T, change func(have, wanted T) bool) error {
	have, err := objects.Get(ctx, wanted.GetNamespace(), wanted.GetName())
	if apierrors.IsNotFound(err) {
		_, err = objects.Create(ctx, wanted.DeepCopy())
		return err
	}
	if err != nil {
		return err
	}
	if have = have.DeepCopy(); !change(have, wanted) {
		return nil
	}
	_, err = objects.Update(ctx, have)
	return err
}

// pause waits, and tells false when ctx has ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
