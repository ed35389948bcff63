package allocate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"minke/api"
	"minke/apiserver/admission"
	"minke/apiserver/codec"
	"minke/store"
	"minke/store/cache"
)

// Shared is where servers that share a store write down the node ports in use, so
// that no two of them give away the same: a RangeAllocation at Key, as
// kube-apiserver keeps it. A Service's ports are written down in the transaction
// that stores it; what was written down meanwhile makes that fail, and be tried
// again with other ports. A port is free when neither it nor a Service says that
// it is not.
type Shared struct {
	Store store.Store
	// Key is /registry/ranges/servicenodeports in Kubernetes' layout.
	Key string
}

var _ admission.Bookkeeper = (*Allocator)(nil)

// book is the ports that are written down, as of a revision.
type book struct {
	first    int32
	used     *big.Int // bit n is port first+n
	modified store.Revision
	// valid tells that it is of the range that is configured.
	valid bool
}

var rangeAllocation = corev1.SchemeGroupVersion.WithKind("RangeAllocation")

// portRange is the range of ports as kube-apiserver writes it.
func (a *Allocator) portRange() string {
	return fmt.Sprintf("%d-%d", a.ports.base, int(a.ports.base)+a.ports.set.size-1)
}

// readBook returns what is written down; of another range, that is nothing.
func (a *Allocator) readBook(ctx context.Context) (*book, error) {
	entry, _, err := a.shared.Store.Get(ctx, a.shared.Key)
	if err != nil {
		return nil, fmt.Errorf("read the node ports in use: %w", err)
	}
	b := &book{first: a.ports.base, used: new(big.Int)}
	if entry == nil {
		return b, nil
	}
	b.modified = entry.Modified
	var stored corev1.RangeAllocation
	kind, raw, err := codec.OpenEnvelope(entry.Value)
	if err == nil && kind != rangeAllocation {
		err = fmt.Errorf("found a %s", kind)
	}
	if err == nil {
		err = codec.DecodeMessage(raw, &stored)
	}
	if err != nil {
		return nil, fmt.Errorf("read the node ports in use: decode %s: %w", a.shared.Key, err)
	}
	if b.valid = stored.Range == a.portRange(); b.valid {
		b.used.SetBytes(stored.Data)
	}
	return b, nil
}

// entry is b as it is to be written in place of what was read.
func (a *Allocator) entry(b *book) (admission.Entry, error) {
	value, err := codec.EncodeProtobuf(&corev1.RangeAllocation{Range: a.portRange(), Data: b.used.Bytes()}, rangeAllocation)
	return admission.Entry{Key: a.shared.Key, Modified: b.modified, Value: value}, err
}

// has tells whether somebody has the port. Nobody has one of another range.
func (b *book) has(port int32) bool {
	return b != nil && port >= b.first && b.used.Bit(int(port-b.first)) == 1
}

func (b *book) set(port int32, used bool) {
	if port < b.first {
		return
	}
	bit := uint(0)
	if used {
		bit = 1
	}
	b.used.SetBit(b.used, int(port-b.first), bit)
}

// Entries implements admission.Bookkeeper.
func (a *Allocator) Entries(ctx context.Context, obj, old api.Object) ([]admission.Entry, error) {
	service, _ := obj.(*corev1.Service)
	before, _ := old.(*corev1.Service)
	if a.shared == nil || service == nil && before == nil {
		return nil, nil
	}
	has, had := portsOf(service), portsOf(before)
	added := slices.DeleteFunc(slices.Clone(has), func(p int32) bool { return slices.Contains(had, p) })
	gone := slices.DeleteFunc(slices.Clone(had), func(p int32) bool { return slices.Contains(has, p) })
	if len(added) == 0 && len(gone) == 0 {
		return nil, nil
	}
	b, err := a.readBook(ctx)
	if err != nil {
		return nil, err
	}
	for _, port := range added {
		if b.has(port) {
			return nil, &cache.BesideError{Key: a.shared.Key} // another server was faster
		}
		b.set(port, true)
	}
	for _, port := range gone {
		b.set(port, false)
	}
	e, err := a.entry(b)
	return []admission.Entry{e}, err
}

// bookFor returns the book if it is needed to give service what old has not.
func (a *Allocator) bookFor(ctx context.Context, service, old *corev1.Service) (*book, error) {
	if a.shared == nil || !mayHavePorts(service) {
		return nil, nil
	}
	missing := slices.ContainsFunc(service.Spec.Ports, func(p corev1.ServicePort) bool { return p.NodePort == 0 })
	before := portsOf(old)
	added := slices.ContainsFunc(portsOf(service), func(p int32) bool { return !slices.Contains(before, p) })
	if !missing && !added && !wantsHealthPort(service) {
		return nil, nil
	}
	return a.readBook(ctx)
}

// anyPort takes a port that is free here and in the book.
func (g *grant) anyPort() (int32, error) {
	for {
		port, err := g.ports.any()
		if err != nil || !g.book.has(port) {
			return port, err
		}
		defer g.ports.release(port)
	}
}

// keepBook writes down what the stored Services have, and nothing else, once:
// from then on Entries keeps it so. Where kube-apiserver was at work before, it
// may have ended between writing a port down and storing its Service.
func (a *Allocator) keepBook(ctx context.Context) {
	if a.shared == nil {
		return
	}
	for {
		err := a.writeBook(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		slog.Default().With("part", "allocate").Warn("the node ports in use cannot be written down", "err", err)
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return
		}
	}
}

var errBookChanged = errors.New("it was changed meanwhile")

// writeBook puts the book right. It is read before the Services are: a Service
// that is stored in between changes it, so that the write fails.
func (a *Allocator) writeBook(ctx context.Context) error {
	b, err := a.readBook(ctx)
	if err != nil {
		return err
	}
	all, _, err := a.source.Snapshot(services, "")
	if err != nil {
		return err
	}
	used := &book{first: b.first, used: new(big.Int), modified: b.modified}
	for obj := range all {
		for _, port := range portsIn(obj) {
			used.set(port, true)
		}
	}
	if b.valid && b.used.Cmp(used.used) == 0 {
		return nil
	}
	e, err := a.entry(used)
	if err != nil {
		return err
	}
	result, err := a.shared.Store.Txn(ctx, store.Txn{
		If:     []store.Condition{{Key: e.Key, Modified: e.Modified}},
		Writes: []store.Write{{Key: e.Key, Value: e.Value}},
	})
	if err == nil && !result.Succeeded {
		err = errBookChanged
	}
	return err
}

func portsIn(obj runtime.Object) []int32 {
	service, _ := obj.(*corev1.Service)
	return portsOf(service)
}
