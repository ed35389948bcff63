// Package registry reads images from registries that speak the OCI
// distribution protocol: manifests by tag or digest, and blobs.
package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// ErrNotFound means that the registry has no such image.
var ErrNotFound = errors.New("not found")

// ErrDenied means that the registry wants (other) credentials.
var ErrDenied = errors.New("pull access denied, repository does not exist or may require authorization")

// accept names the manifests that we read.
var accept = strings.Join([]string{
	ocispec.MediaTypeImageManifest, ocispec.MediaTypeImageIndex,
	"application/vnd.docker.distribution.manifest.v2+json", "application/vnd.docker.distribution.manifest.list.v2+json", "*/*",
}, ", ")

const (
	attempts = 4                // for what may pass: broken connections, 429 and 5xx
	stall    = 60 * time.Second // without a byte, after which a transfer counts as broken
)

// Credentials are a user's; one of the fields or pairs is set, or none.
type Credentials struct {
	Username, Password string
	IdentityToken      string // exchanged for an access token
	RegistryToken      string // sent as it is
}

// Client speaks to registries. Its methods may be called concurrently.
type Client struct {
	http     *http.Client
	insecure map[string]bool
	backoff  func(ctx context.Context, attempt int) error
}

// New makes a client that speaks plain HTTP to loopback addresses and to the
// insecure hosts.
func New(insecure []string) *Client {
	c := &Client{insecure: map[string]bool{}, backoff: wait}
	for _, h := range insecure {
		c.insecure[h] = true
	}
	c.http = &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: 30 * time.Second,
		IdleConnTimeout: 30 * time.Second, MaxIdleConnsPerHost: 4, ForceAttemptHTTP2: true,
		DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
	}}
	return c
}

func wait(ctx context.Context, attempt int) error {
	t := time.NewTimer(time.Duration(attempt*attempt) * 200 * time.Millisecond)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// base is where a registry's API is.
func (c *Client) base(host string) string {
	if host == "docker.io" {
		host = "registry-1.docker.io"
	}
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	ip := net.ParseIP(strings.Trim(name, "[]"))
	if name == "localhost" || ip != nil && ip.IsLoopback() || c.insecure[host] {
		return "http://" + host
	}
	return "https://" + host
}

// Repository is one repository of a registry, with what it takes to read it.
type Repository struct {
	client     *Client
	base, name string
	creds      Credentials

	mu   sync.Mutex // guards auth
	auth string     // the Authorization header that worked last
}

// Repository opens docker.io/library/busybox and the like.
func (c *Client) Repository(full string, creds Credentials) *Repository {
	host, name, _ := strings.Cut(full, "/")
	r := &Repository{client: c, base: c.base(host), name: name, creds: creds}
	if creds.RegistryToken != "" {
		r.auth = "Bearer " + creds.RegistryToken
	}
	return r
}

// Resolve finds out which manifest a tag or digest means.
func (r *Repository) Resolve(ctx context.Context, reference string) (ocispec.Descriptor, error) {
	resp, err := r.get(ctx, "/manifests/"+reference, 0)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	defer resp.Body.Close()
	const most = 8 << 20
	data, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	if len(data) > most {
		return ocispec.Descriptor{}, fmt.Errorf("manifest is larger than %d bytes", most)
	}
	d := ocispec.Descriptor{MediaType: resp.Header.Get("Content-Type"), Digest: digest.FromBytes(data), Size: int64(len(data))}
	if wanted := digest.Digest(reference); wanted.Validate() == nil && wanted != d.Digest {
		if wanted.Algorithm().FromBytes(data) != wanted {
			return d, fmt.Errorf("the registry's answer has the digest %s, not %s", d.Digest, wanted)
		}
		d.Digest = wanted
	}
	return d, nil
}

// Fetch opens a manifest or blob. A transfer that breaks is taken up where it
// broke; what comes is not verified here.
func (r *Repository) Fetch(ctx context.Context, d ocispec.Descriptor) (io.ReadCloser, error) {
	if err := d.Digest.Validate(); err != nil {
		return nil, err
	}
	path := "/blobs/" + d.Digest.String()
	if strings.Contains(d.MediaType, "manifest") || strings.Contains(d.MediaType, "index") {
		path = "/manifests/" + d.Digest.String()
	}
	b := &body{repo: r, ctx: ctx, path: path}
	if err := b.open(); err != nil {
		return nil, err
	}
	return b, nil
}

// get asks, with authentication and retries, from an offset on.
func (r *Repository) get(ctx context.Context, path string, offset int64) (*http.Response, error) {
	var last error
	for attempt := range attempts {
		if attempt > 0 {
			if err := r.client.backoff(ctx, attempt); err != nil {
				return nil, errors.Join(err, last)
			}
		}
		resp, err := r.once(ctx, path, offset)
		if err != nil {
			last = err
			if ctx.Err() != nil {
				return nil, err
			}
			continue
		}
		switch {
		case resp.StatusCode == http.StatusOK && offset == 0, resp.StatusCode == http.StatusPartialContent:
			return resp, nil
		case resp.StatusCode == http.StatusOK:
			_, err := io.CopyN(io.Discard, resp.Body, offset) // it does not know ranges
			if err == nil {
				return resp, nil
			}
			last = err
		default:
			last = refusal(resp)
		}
		resp.Body.Close()
		if resp.StatusCode < 500 && resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode != http.StatusOK {
			return nil, last
		}
	}
	return nil, last
}

func refusal(resp *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 1024))
	switch resp.StatusCode {
	case http.StatusNotFound:
		return ErrNotFound
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("%w: %s", ErrDenied, resp.Status)
	}
	return fmt.Errorf("unexpected status from GET request to %s: %s: %s", resp.Request.URL.Redacted(), resp.Status, strconv.QuoteToASCII(string(text)))
}

// once asks once, or twice when the first answer is what to authenticate with.
func (r *Repository) once(ctx context.Context, path string, offset int64) (*http.Response, error) {
	for try := 0; ; try++ {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.base+"/v2/"+r.name+path, nil)
		if err != nil {
			return nil, err
		}
		req.Header.Set("Accept", accept)
		if offset > 0 {
			req.Header.Set("Range", "bytes="+strconv.FormatInt(offset, 10)+"-")
		}
		r.mu.Lock()
		used := r.auth
		r.mu.Unlock()
		if used != "" {
			req.Header.Set("Authorization", used) // net/http drops it when it is sent elsewhere
		}
		resp, err := r.client.http.Do(req)
		if err != nil {
			return nil, err
		}
		if resp.StatusCode != http.StatusUnauthorized || try > 0 {
			return resp, nil
		}
		challenge := resp.Header.Values("WWW-Authenticate")
		resp.Body.Close()
		auth, err := r.authorize(ctx, challenge)
		if err != nil {
			return nil, err
		}
		if auth == "" || auth == used {
			return nil, fmt.Errorf("%w: authorization failed: no basic auth credentials", ErrDenied)
		}
		r.mu.Lock()
		r.auth = auth
		r.mu.Unlock()
	}
}
