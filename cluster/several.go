package cluster

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/uuid"

	"minke/apiserver"
	"minke/client"
	"minke/client/events"
	"minke/client/leaderelection"
	"minke/cluster/options"
	"minke/cluster/servers"
	"minke/store"
)

// runElected runs controllers and scheduler each while this server holds their
// lease. The leases are those of Kubernetes' own components, so that such may
// take part.
func (s *Server) runElected(ctx context.Context) error {
	timing, err := s.cfg.API.Election.Timing()
	if err != nil {
		return err
	}
	host, err := s.host()
	if err != nil {
		return err
	}
	identity := host + "_" + string(uuid.NewUUID())
	group, ctx := errgroup.WithContext(ctx)
	elect := func(component string, api client.Interface, run func(context.Context, *client.Informers, fencing) error) {
		name := s.cfg.API.Election.LeaseName(component)
		recorder := events.NewRecorder(api, component, host)
		group.Go(func() error { recorder.Run(ctx); return nil })
		config := leaderelection.Config{API: api, Namespace: s.cfg.API.Election.Namespace(), Name: name, Identity: identity, Timing: timing,
			Changed: func(l *coordinationv1.Lease, leads bool) {
				// The words are those of Kubernetes' components.
				what := "became leader"
				if !leads {
					what = "stopped leading"
				}
				recorder.Event(l, corev1.EventTypeNormal, "LeaderElection", "%s %s", identity, what)
			}}
		group.Go(func() error {
			return leaderelection.Run(ctx, config, func(ctx context.Context, right leaderelection.Right) error {
				// A term has views of its own: nothing of an earlier one hears of changes.
				return run(ctx, client.NewInformers(api), s.fenced(config.Namespace, name, right))
			})
		})
	}
	elect(options.ControllerManager, s.managerClient(), s.runManager)
	elect(options.Scheduler, s.schedulerClient(), s.runScheduler)
	return group.Wait()
}

// fenced holds clients to a right that a Lease shows, and the store's transactions
// for them to the Lease itself.
func (s *Server) fenced(namespace, name string, right leaderelection.Right) fencing {
	held := &heldLease{key: apiserver.Prefix(s.resource(client.Leases.Resource.GroupResource())) + namespace + "/" + name, right: right}
	mark := func(ctx context.Context) context.Context { return store.WithGuard(ctx, held) }
	return func(api client.Interface) client.Interface {
		return client.Fenced(client.Within(api, mark), right.Fence)
	}
}

// heldLease is the store.Guard of who holds a Lease.
type heldLease struct {
	key   string
	right leaderelection.Right
}

// Condition implements store.Guard: a Lease's resourceVersion is when it was
// modified.
func (l *heldLease) Condition(ctx context.Context, not store.Revision) (store.Condition, error) {
	text, err := l.right.Version(ctx, strconv.FormatInt(int64(not), 10))
	if err != nil {
		return store.Condition{}, err
	}
	version, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return store.Condition{}, fmt.Errorf("read the lease's resourceVersion: %w", err)
	}
	return store.Condition{Key: l.key, Modified: store.Revision(version)}, nil
}

// joins tells whether this server tells others on its etcd that it is there.
func (s *Server) joins() bool { return s.cfg.API.Datastore.External() }

// join finds out whether this server fits the others on its etcd, and tells
// them that it is there until ctx ends.
func (s *Server) join(ctx context.Context, group *errgroup.Group) error {
	host, err := s.host()
	if err != nil {
		return err
	}
	keys, err := s.keys()
	if err != nil {
		return err
	}
	identity := &servers.Identity{API: s.self, Host: host, Keys: keys, Port: int32(s.cfg.Port), Log: s.log}
	if err := identity.Join(ctx); err != nil {
		return err
	}
	group.Go(func() error { return identity.Run(ctx) })
	addresses := &servers.Addresses{Store: s.store, Prefix: options.StoreRoot + "/masterleases/", API: s.self,
		Own: s.cfg.Address, Port: int32(s.cfg.Port), Log: s.log}
	group.Go(func() error { return addresses.Run(ctx) })
	return nil
}

func (s *Server) host() (string, error) {
	if s.cfg.Host != "" {
		return s.cfg.Host, nil
	}
	host, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("find this machine's name: %w", err)
	}
	return host, nil
}

// keys are those that all servers must have in common.
func (s *Server) keys() (servers.Keys, error) {
	front, err := s.cfg.PKI.FrontProxy()
	if err != nil {
		return servers.Keys{}, err
	}
	k := servers.Keys{Accepted: s.security.issuer.Keys()}
	k.Signing = k.Accepted[0]
	k.Authority, err = digest(s.cfg.PKI.CertPEM)
	if err == nil {
		k.FrontProxy, err = digest(front.CertPEM)
	}
	return k, err
}

// digest names the first certificate of a PEM file.
func digest(text []byte) (string, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return "", errors.New("name a certificate: there is none")
	}
	sum := sha256.Sum256(block.Bytes)
	return hex.EncodeToString(sum[:]), nil
}

// releaseTime bounds for how long, after it was asked to end, a server still
// serves its own parts, which give back what they hold.
const releaseTime = 8 * time.Second
