package encryption

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/apiserver/pkg/apis/apiserver"
	kms "k8s.io/kms/apis/v2"

	"minke/store"
	"minke/tracing"
)

// How often a plug-in is asked how it is, when it was well and when not; and
// how long its last seed seals on while it is not. Whoever changes the
// plug-in's key can so rely on everything being sealed with the new one, or
// refused, three minutes later (KEP-3299).
const (
	askWell = time.Minute
	askIll  = 10 * time.Second
	coast   = 3 * time.Minute
)

// How long what a check found is good for others who ask, be it for health or
// for a seed: nobody can make us pester a plug-in.
const (
	wellFor = 20 * time.Second
	illFor  = 3 * time.Second
)

// plugIn seals with the help of a KMS v2 plug-in on a unix socket: that wraps
// a seed of ours, and unwraps it again.
//
//	Status ──> key ID as known? ── yes ──> the seed lives on for 3 minutes
//	                  └─ no ──> new seed, Encrypt ──> the seed that seals from now on
type plugIn struct {
	name    string
	timeout time.Duration
	log     *slog.Logger
	metrics *metrics
	conn    *grpc.ClientConn
	client  kms.KeyManagementServiceClient
	opened  unwrapped

	current atomic.Pointer[seed]

	checking sync.Mutex // one check at a time; guards all below
	checked  time.Time  // when the last one ended
	found    error
}

// seed seals until it expires; it never changes.
type seed struct {
	envelope // without data
	cipher   cipherOf
	expires  time.Time
}

func newPlugIn(c *apiserver.KMSConfiguration, log *slog.Logger, m *metrics) (*plugIn, error) {
	p := &plugIn{name: c.Name, timeout: c.Timeout.Duration, log: log, metrics: m}
	p.opened.size = m.kept.WithLabelValues(c.Name)
	target := c.Endpoint
	if path, abstract := strings.CutPrefix(strings.TrimPrefix(target, "unix://"), "/@"); abstract {
		target = "unix-abstract:" + path
	} else if path, abstract := strings.CutPrefix(target, "unix:@"); abstract {
		target = "unix-abstract:" + path
	}
	var err error
	p.conn, err = grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy(),
		grpc.WithAuthority("localhost"), grpc.WithUnaryInterceptor(m.timed(c.Name)))
	if err != nil {
		return nil, fmt.Errorf("connect to KMS provider %s: %w", c.Name, err)
	}
	p.client = kms.NewKeyManagementServiceClient(p.conn)
	return p, nil
}

func (p *plugIn) prefix() string { return "k8s:enc:kms:v2:" + p.name + ":" }

// run asks the plug-in how it is until ctx ends.
func (p *plugIn) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		pause := askWell
		if err := p.check(ctx); err != nil && ctx.Err() == nil {
			p.log.Warn("check KMS provider", "provider", p.name, "error", err)
			pause = askIll
		}
		timer.Reset(pause)
	}
}

// healthy returns what the last check found, if that is fresh, or checks.
func (p *plugIn) healthy(ctx context.Context) error {
	p.checking.Lock()
	defer p.checking.Unlock()
	age := time.Since(p.checked)
	if !p.checked.IsZero() && (age < illFor || p.found == nil && age < wellFor) {
		return p.found
	}
	return p.checkLocked(ctx)
}

// check asks for the status and sees to the seed.
func (p *plugIn) check(ctx context.Context) error {
	p.checking.Lock()
	defer p.checking.Unlock()
	return p.checkLocked(ctx)
}

func (p *plugIn) checkLocked(ctx context.Context) error {
	p.found = p.ask(ctx)
	p.checked = time.Now()
	return p.found
}

func (p *plugIn) ask(ctx context.Context) error {
	call, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	expires := time.Now().Add(coast)
	status, err := p.client.Status(call, &kms.StatusRequest{})
	if err != nil {
		return fmt.Errorf("ask KMS provider %s for its status: %w", p.name, err)
	}
	if status.Healthz != "ok" {
		return fmt.Errorf("KMS provider %s is not healthy: it says %q", p.name, status.Healthz)
	}
	if status.Version != "v2" && status.Version != "v2beta1" {
		return fmt.Errorf("KMS provider %s speaks version %q, want v2", p.name, status.Version)
	}
	if err := p.checkID(status.KeyId); err != nil {
		return err
	}
	if now := p.current.Load(); now != nil && now.keyID == status.KeyId {
		longer := *now
		longer.expires = expires
		p.current.Store(&longer)
		return nil
	}
	fresh, err := p.newSeed(ctx)
	if err != nil {
		return err
	}
	if fresh.keyID != status.KeyId {
		return fmt.Errorf("KMS provider %s is not healthy: its status names one key, and it encrypts with another", p.name)
	}
	fresh.expires = expires
	p.current.Store(fresh)
	return nil
}

// checkID checks the key ID that a status names.
func (p *plugIn) checkID(id string) error {
	switch {
	case id == "":
		p.metrics.invalidIDs.WithLabelValues(p.name, "empty").Inc()
		return fmt.Errorf("KMS provider %s is not healthy: the key ID of its status is empty", p.name)
	case len(id) > maxKeyID:
		p.metrics.invalidIDs.WithLabelValues(p.name, "too_long").Inc()
		return fmt.Errorf("KMS provider %s is not healthy: the key ID of its status has %d bytes, at most %d are allowed", p.name, len(id), maxKeyID)
	}
	p.metrics.told.use("", p.name, id)
	return nil
}

func (p *plugIn) newSeed(ctx context.Context) (*seed, error) {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	began := time.Now()
	plain := random(seedSize)
	p.metrics.seeds.Observe(time.Since(began).Seconds())
	answer, err := p.client.Encrypt(ctx, &kms.EncryptRequest{Plaintext: plain, Uid: string(uuid.NewUUID())})
	if err != nil {
		return nil, fmt.Errorf("encrypt a seed with KMS provider %s: %w", p.name, err)
	}
	s := &seed{envelope: envelope{keyID: answer.KeyId, wrapped: answer.Ciphertext, annotations: answer.Annotations, kind: wrappedSeed}}
	if err := s.validate(); err != nil {
		return nil, fmt.Errorf("encrypt a seed with KMS provider %s: %w", p.name, err)
	}
	if s.cipher, err = newSeeded(plain); err != nil {
		return nil, err
	}
	p.opened.keep(s.id(), s.cipher) // what it seals needs no plug-in to be read
	return s, nil
}

// seal implements provider.
func (p *plugIn) seal(ctx context.Context, at place, value []byte) ([]byte, error) {
	ctx, span := tracing.Start(ctx, "TransformToStorage with envelopeTransformer", tracing.String("transformer.provider.name", p.name))
	defer span.End()
	s := p.current.Load()
	if s == nil || time.Now().After(s.expires) {
		if err := p.healthy(ctx); err != nil {
			return nil, fmt.Errorf("no seed is to be had: %w", err)
		}
		if s = p.current.Load(); time.Now().After(s.expires) {
			return nil, fmt.Errorf("the seed of KMS provider %s expired at %s", p.name, s.expires.Format(time.RFC3339))
		}
	}
	span.Event("About to encrypt data using DEK")
	data, err := s.cipher.seal([]byte(at.key), value)
	if err != nil {
		return nil, err
	}
	span.Event("Data encryption succeeded")
	p.metrics.used.use(toStorage, p.name, s.keyID)
	sealed := s.envelope
	sealed.data = data
	return sealed.marshal(), nil
}

// open implements provider. A plug-in that does not answer gives an error that
// is store.ErrUnavailable.
func (p *plugIn) open(ctx context.Context, at place, stored []byte) (value []byte, stale bool, err error) {
	ctx, span := tracing.Start(ctx, "TransformFromStorage with envelopeTransformer", tracing.String("transformer.provider.name", p.name))
	defer func() {
		span.Fail(err)
		span.End()
	}()
	var e envelope
	if err := e.unmarshal(stored); err != nil {
		return nil, false, fmt.Errorf("read the envelope: %w", err)
	}
	if err := e.validate(); err != nil {
		return nil, false, fmt.Errorf("read the envelope: %w", err)
	}
	c, err := p.opened.get(e.id(), func() (cipherOf, error) { return p.unwrap(ctx, &e) })
	if err != nil {
		return nil, false, err
	}
	p.metrics.used.use(fromStorage, p.name, e.keyID)
	span.Event("About to decrypt data using DEK")
	if value, err = c.open([]byte(at.key), e.data); err != nil {
		return nil, false, err
	}
	span.Event("Data decryption succeeded")
	now := p.current.Load()
	return value, now != nil && (now.keyID != e.keyID || now.kind != e.kind), nil
}

func (p *plugIn) unwrap(ctx context.Context, e *envelope) (cipherOf, error) {
	p.metrics.misses.Inc()
	span := tracing.FromContext(ctx)
	span.Event("About to decrypt DEK using remote service")
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	answer, err := p.client.Decrypt(ctx, &kms.DecryptRequest{
		Ciphertext: e.wrapped, KeyId: e.keyID, Annotations: e.annotations, Uid: string(uuid.NewUUID()),
	})
	if err != nil {
		return nil, fmt.Errorf("failed to decrypt DEK, error: %w", errors.Join(err, store.ErrUnavailable))
	}
	span.Event("DEK decryption succeeded")
	if e.kind == wrappedSeed {
		return newSeeded(answer.Plaintext)
	}
	return newGCM(answer.Plaintext)
}
