package encryption

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/apis/apiserver"
)

// set is one configuration, ready for use.
type set struct {
	resources map[schema.GroupResource]providers
	plugIns   []*plugIn
	cancel    context.CancelFunc
	running   sync.WaitGroup
}

// newSet makes the providers that c names.
func newSet(c *apiserver.EncryptionConfiguration, log *slog.Logger, m *metrics) (*set, error) {
	if err := validate(c).ToAggregate(); err != nil {
		return nil, err
	}
	s := &set{resources: map[schema.GroupResource]providers{}}
	for _, rule := range c.Resources {
		var ps providers
		for _, p := range rule.Providers {
			made, err := s.provider(p, log, m)
			if err != nil {
				return nil, errors.Join(err, s.closePlugIns())
			}
			ps = append(ps, made)
		}
		for _, name := range rule.Resources {
			gr := schema.ParseGroupResource(name)
			if masked := s.mask(gr); masked != "" {
				return nil, errors.Join(fmt.Errorf("resource %q is masked by earlier rule %q", name, masked), s.closePlugIns())
			}
			s.resources[gr] = append(s.resources[gr], ps...)
		}
	}
	return s, nil
}

// mask names the earlier rule that leaves gr nothing.
func (s *set) mask(gr schema.GroupResource) string {
	if _, ok := s.resources[inGroup(gr)]; ok {
		return "*." + gr.Group
	}
	if _, ok := s.resources[everything]; ok {
		return "*.*"
	}
	return ""
}

var everything = schema.GroupResource{Group: "*", Resource: "*"}

func inGroup(gr schema.GroupResource) schema.GroupResource {
	return schema.GroupResource{Group: gr.Group, Resource: "*"}
}

// of returns the providers of a resource; none if the configuration does not
// name it.
func (s *set) of(gr schema.GroupResource) providers {
	for _, rule := range []schema.GroupResource{gr, inGroup(gr), everything} {
		if ps, ok := s.resources[rule]; ok {
			return ps
		}
	}
	return nil
}

func (s *set) provider(p apiserver.ProviderConfiguration, log *slog.Logger, m *metrics) (provider, error) {
	switch {
	case p.AESGCM != nil:
		return newKeys("k8s:enc:aesgcm:v1:", p.AESGCM.Keys, newGCM)
	case p.AESCBC != nil:
		return newKeys("k8s:enc:aescbc:v1:", p.AESCBC.Keys, newCBC)
	case p.Secretbox != nil:
		return newKeys("k8s:enc:secretbox:v1:", p.Secretbox.Keys, newBox)
	case p.KMS != nil:
		made, err := newPlugIn(p.KMS, log, m)
		if err == nil {
			s.plugIns = append(s.plugIns, made)
		}
		return made, err
	}
	return identity{}, nil
}

func newKeys(marker string, named []apiserver.Key, make func(secret []byte) (cipherOf, error)) (provider, error) {
	k := &keys{marker: marker}
	for _, key := range named {
		secret, err := base64.StdEncoding.DecodeString(key.Secret)
		if err != nil {
			return nil, fmt.Errorf("decode key %s: %w", key.Name, err)
		}
		cipher, err := make(secret)
		if err != nil {
			return nil, fmt.Errorf("use key %s: %w", key.Name, err)
		}
		k.named = append(k.named, namedKey{prefix: key.Name + ":", cipher: cipher})
	}
	return k, nil
}

// start begins to ask the plug-ins how they are.
func (s *set) start(ctx context.Context) {
	ctx, s.cancel = context.WithCancel(ctx)
	for _, p := range s.plugIns {
		s.running.Go(func() { p.run(ctx) })
	}
}

// stop ends what start began.
func (s *set) stop() error {
	s.cancel()
	s.running.Wait()
	return s.closePlugIns()
}

// grace is how long calls of the set may last once it is out of use.
func (s *set) grace() time.Duration {
	var sum time.Duration
	for _, p := range s.plugIns {
		sum += 2 * p.timeout
	}
	return sum
}

func (s *set) closePlugIns() error {
	var errs []error
	for _, p := range s.plugIns {
		errs = append(errs, p.conn.Close())
	}
	return errors.Join(errs...)
}

// healthy tells which plug-ins are not well.
func (s *set) healthy(ctx context.Context) error {
	var errs []error
	for _, p := range s.plugIns {
		errs = append(errs, p.healthy(ctx))
	}
	return errors.Join(errs...)
}
