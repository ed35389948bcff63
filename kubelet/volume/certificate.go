package volume

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
)

// certificate is what is known of one podCertificate source:
//
//	nothing ─ asked ─ issued ─ (beginRefreshAt) asked again ─ issued …
//	            └ denied or failed, for good
type certificate struct {
	key, chain []byte // PEM; none before the first is issued
	refresh    time.Time
	expires    time.Time
	// asked is the request that is not answered yet, with the key it is for.
	asked *certificateRequest
	// refused says why there will be none, or no other.
	refused error
	// overdue and expired were told of.
	overdue, expired bool
}

type certificateRequest struct {
	name    string
	key     []byte
	abandon time.Time
}

const (
	// lostAfter is how long a request may be missing that was made: what is read
	// may be old.
	lostAfter = 10 * time.Minute
	// overdueAfter is how late a certificate may be replaced without a word.
	overdueAfter = 10 * time.Minute
	// spread keeps the requests of many pods apart.
	spread = 5 * time.Minute
)

var errNotIssued = errors.New("credential bundle is not issued yet")

// addCertificate puts the pod's key and certificate into content (KEP-4317), once a
// signer has issued it.
func (j *job) addCertificate(ctx context.Context, content payload, index int, source *corev1.PodCertificateProjection, mode *int32) error {
	id := fmt.Sprintf("%s/%d", j.volume.Name, index)
	c := j.state.certs[id]
	if c == nil {
		c = j.found(source)
		j.state.certs[id] = c
	}
	// Without a new one the old one stays, as long as that may be.
	if err := j.advance(ctx, c, source); err != nil && c.chain == nil {
		return err
	}
	for path, data := range map[string][]byte{
		source.CredentialBundlePath: append(c.key[:len(c.key):len(c.key)], c.chain...), source.KeyPath: c.key, source.CertificateChainPath: c.chain,
	} {
		if path != "" {
			content[path] = j.private(data, mode)
		}
	}
	return nil
}

// found is the certificate that an earlier life of the kubelet left in the volume,
// to be replaced soon since nobody knows any more when it should be.
func (j *job) found(source *corev1.PodCertificateProjection) *certificate {
	read := func(path string) []byte {
		if path == "" {
			return nil
		}
		// What cannot be read is not there.
		data, _ := os.ReadFile(filepath.Join(j.dir("projected"), path))
		return data
	}
	key, chain := read(source.KeyPath), read(source.CertificateChainPath)
	if bundle := read(source.CredentialBundlePath); bundle != nil {
		var first *pem.Block
		if first, chain = pem.Decode(bundle); first != nil {
			key = pem.EncodeToMemory(first)
		}
	}
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil || !j.now().Before(pair.Leaf.NotAfter) {
		return &certificate{}
	}
	return &certificate{key: key, chain: chain, refresh: j.now().Add(jitter()), expires: pair.Leaf.NotAfter}
}

// advance takes c as far as it goes now. What fails leaves what there is.
func (j *job) advance(ctx context.Context, c *certificate, source *corev1.PodCertificateProjection) error {
	now := j.now()
	switch {
	case c.refused != nil:
		return c.refused
	case c.asked != nil:
		j.tellAge(c, now)
		return j.answer(ctx, c)
	case c.chain != nil && now.Before(c.refresh):
		j.again(c.refresh)
		return nil
	}
	j.tellAge(c, now)
	key, stub, err := newCredential(source.KeyType)
	if err != nil {
		return err
	}
	r, err := j.Source.RequestCertificate(ctx, j.pod, &certificatesv1.PodCertificateRequest{Spec: certificatesv1.PodCertificateRequestSpec{
		SignerName: source.SignerName, MaxExpirationSeconds: source.MaxExpirationSeconds,
		StubPKCS10Request: stub, UnverifiedUserAnnotations: source.UserAnnotations,
	}})
	if err != nil {
		j.again(now.Add(time.Minute))
		return fmt.Errorf("request a certificate of signer %s: %w", source.SignerName, err)
	}
	c.asked = &certificateRequest{name: r.Name, key: key, abandon: now.Add(lostAfter + jitter())}
	return j.answer(ctx, c)
}

// answer looks at what became of the request.
func (j *job) answer(ctx context.Context, c *certificate) error {
	now := j.now()
	r, found, err := j.Source.CertificateRequest(ctx, j.pod, c.asked.name)
	switch {
	case err != nil:
		j.again(now.Add(time.Minute))
		return err
	case !found && now.After(c.asked.abandon):
		name := c.asked.name
		c.asked = nil
		j.again(now.Add(time.Second))
		return fmt.Errorf("PodCertificateRequest %q appears to have been deleted", j.pod.Namespace+"/"+name)
	case !found:
		j.again(c.asked.abandon.Add(time.Second))
		return errNotIssued
	}
	for _, condition := range r.Status.Conditions {
		switch condition.Type {
		case certificatesv1.PodCertificateRequestConditionTypeIssued:
			*c = certificate{key: c.asked.key, chain: onlyCertificates(r.Status.CertificateChain),
				refresh: r.Status.BeginRefreshAt.Add(jitter()), expires: r.Status.NotAfter.Time}
			j.again(c.refresh)
			return nil
		case certificatesv1.PodCertificateRequestConditionTypeDenied:
			return j.refuse(c, r, condition.Type, "was denied", condition.Reason, condition.Message)
		case certificatesv1.PodCertificateRequestConditionTypeFailed:
			return j.refuse(c, r, condition.Type, "failed", condition.Reason, condition.Message)
		}
	}
	// The request's change brings the pod here; this is for telling the age.
	j.again(now.Add(overdueAfter))
	return errNotIssued
}

func (j *job) refuse(c *certificate, r *certificatesv1.PodCertificateRequest, kind, how, reason, message string) error {
	c.refused = fmt.Errorf("PodCertificateRequest %s/%s %s permanently: reason=%q message=%q", r.Namespace, r.Name, how, reason, message)
	c.asked = nil
	j.record(kind, fmt.Sprintf("PodCertificateRequest %s/%s %s, reason=%q, message=%q", r.Namespace, r.Name, how, reason, message))
	return c.refused
}

// tellAge tells, once each, that a certificate ought to have been replaced.
func (j *job) tellAge(c *certificate, now time.Time) {
	if c.chain == nil {
		return
	}
	if !c.overdue && now.After(c.refresh.Add(overdueAfter)) {
		c.overdue = true
		j.record("CertificateOverdueForRefresh", "PodCertificate refresh overdue")
	}
	if !c.expired && now.After(c.expires) {
		c.expired = true
		j.record("CertificateExpired", "PodCertificate expired")
	}
}

func (j *job) record(reason, message string) {
	if j.Record != nil {
		j.Record(j.pod, corev1.EventTypeWarning, reason, message)
	}
}

func jitter() time.Duration { return rand.N(spread) }

// onlyCertificates drops what stands between the blocks of a chain.
func onlyCertificates(chain string) []byte {
	var out []byte
	for block, rest := pem.Decode([]byte(chain)); block != nil; block, rest = pem.Decode(rest) {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes})...)
	}
	return out
}
