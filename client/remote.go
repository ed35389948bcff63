package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
)

// RemoteConfig says where an API server is and how to prove who we are.
type RemoteConfig struct {
	// Server is the base URL, such as https://10.0.0.1:6443.
	Server string
	// Others are the URLs of further servers of the same API, https all. A server
	// that cannot be reached is passed over.
	Others []string
	// CA is the PEM of the authorities that may vouch for the server, or
	// CAFile where it is. Without either the system's are used.
	CA     []byte
	CAFile string
	// ServerName overrides the name that the server's certificate must have.
	ServerName string
	// CertFile and KeyFile are the client's certificate, read again when they
	// change; Cert and Key hold the PEM itself.
	CertFile, KeyFile string
	Cert, Key         []byte
	// TokenFile holds a bearer token, read again when it changes; Token is one
	// that does not change.
	TokenFile, Token string
	// UserAgent names the program; it defaults to "minke".
	UserAgent string
	// JSON asks for JSON instead of protobuf.
	JSON bool
	// Dial, when set, opens the connections.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

const (
	// requestTimeout bounds a request that is no watch, with all its retries.
	requestTimeout = time.Minute
	// mostRetries bounds how often a request is sent again when the server
	// asks for it.
	mostRetries = 10
	// maxAnswer bounds an answer that is no watch.
	maxAnswer = 1 << 30
)

// Remote returns the API of a server elsewhere.
func Remote(config RemoteConfig) (Interface, error) {
	base, err := url.Parse(config.Server)
	if err != nil {
		return nil, fmt.Errorf("use API server %q: %w", config.Server, err)
	}
	if base.Scheme != "https" && base.Scheme != "http" || base.Host == "" {
		return nil, fmt.Errorf("use API server %q: want a URL such as https://host:6443", config.Server)
	}
	transport, err := newTransport(config)
	if err != nil {
		return nil, fmt.Errorf("use API server %q: %w", config.Server, err)
	}
	if config.UserAgent == "" {
		config.UserAgent = "minke"
	}
	return &remote{
		base: base, config: config, token: newFile(config.TokenFile),
		http: &http.Client{Transport: transport, CheckRedirect: noRedirect},
	}, nil
}

// noRedirect keeps credentials from following a redirection elsewhere.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

type remote struct {
	base   *url.URL
	config RemoteConfig
	token  *file
	http   *http.Client
	counts *counts
}

// counted implements what Counted asks for.
func (c *remote) counted(m *Metrics) Interface {
	other := *c
	other.counts = newCounts(m, c.base.Host)
	return &other
}

func (c *remote) Do(ctx context.Context, r Request) (runtime.Object, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if method, ok := methods[r.Verb]; ok {
		defer c.counts.took(method, time.Now())
	}
	response, err := c.send(ctx, &r, "")
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("%s %s: read the answer: %w", r.Verb, response.Request.URL.Path, err)
	}
	c.counts.received(methods[r.Verb], len(body))
	return decodeBytes(&r, response.StatusCode, response.Header.Get("Content-Type"), body)
}

func (c *remote) Watch(ctx context.Context, r Request) (watch.Interface, error) {
	r.Verb = "watch"
	ctx, cancel := context.WithCancel(ctx)
	response, err := c.send(ctx, &r, ";stream=watch")
	if err != nil {
		cancel()
		return nil, err
	}
	contentType := response.Header.Get("Content-Type")
	if response.StatusCode == http.StatusOK {
		return decodeWatch(ctx, cancel, response.Body, contentType), nil
	}
	defer cancel()
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("watch %s: read the answer: %w", r.Resource.Resource, err)
	}
	if _, err = decodeBytes(&r, response.StatusCode, contentType, body); err == nil {
		err = apierrors.NewGenericServerResponse(response.StatusCode, r.Verb, r.Resource.GroupResource(), r.Name, string(body), 0, true)
	}
	return nil, err
}

// send performs the request, again as long as the server says when to come
// back: it has then done nothing yet.
func (c *remote) send(ctx context.Context, r *Request, stream string) (*http.Response, error) {
	method, ok := methods[r.Verb]
	if !ok {
		return nil, fmt.Errorf("%s %s: there is no such verb", r.Verb, r.Resource.Resource)
	}
	path, err := r.path()
	if err != nil {
		return nil, err
	}
	body, contentType, err := c.body(r)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", r.Verb, path, err)
	}
	target := c.base.JoinPath(path)
	target.RawQuery = r.query().Encode()
	for try := 0; ; try++ {
		req, err := http.NewRequestWithContext(ctx, method, target.String(), bytes.NewReader(body))
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", r.Verb, path, err)
		}
		if err := c.headers(req, contentType, stream); err != nil {
			return nil, fmt.Errorf("%s %s: %w", r.Verb, path, err)
		}
		response, err := c.http.Do(req)
		code := codeOf(response)
		c.counts.sent(method, len(body))
		c.counts.answered(method, code)
		pause, again := retryAfter(method, response, err)
		if !again || try == mostRetries {
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", r.Verb, path, err)
			}
			return response, nil
		}
		c.counts.retried(method, code)
		if response != nil {
			response.Body.Close()
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%s %s: %w", r.Verb, path, ctx.Err())
		case <-time.After(pause):
		}
	}
}

func codeOf(response *http.Response) int {
	if response == nil {
		return failed
	}
	return response.StatusCode
}

func (c *remote) body(r *Request) ([]byte, string, error) {
	if r.Verb == "patch" {
		return r.Patch, string(r.PatchType), nil
	}
	if r.Body != nil {
		return encode(r.Body, !c.config.JSON)
	}
	if o := r.deleteOptions(); o != nil {
		return encode(o, false)
	}
	return nil, "", nil
}

func (c *remote) headers(req *http.Request, contentType, stream string) error {
	accept := jsonType
	if !c.config.JSON {
		accept = protobufType + stream + "," + jsonType
	}
	req.Header.Set("Accept", accept)
	req.Header.Set("User-Agent", c.config.UserAgent)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	token := c.config.Token
	if c.config.TokenFile != "" {
		text, err := c.token.read()
		if err != nil {
			return err
		}
		token = string(bytes.TrimSpace(text))
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return nil
}

// retryAfter tells whether and when to send the request again: when the server
// gave a Retry-After with 429 or 503, and when the connection broke. A request
// that could not be written to its end was not done, whatever it asks for; of one
// whose answer was lost nobody knows, so that only a read may be sent again.
func retryAfter(method string, response *http.Response, err error) (time.Duration, bool) {
	if err != nil {
		var op *net.OpError
		broke := errors.As(err, &op)
		lost := broke && op.Op == "read" || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		return 100 * time.Millisecond, broke && op.Op == "write" || lost && method == http.MethodGet
	}
	if response.StatusCode != http.StatusTooManyRequests && response.StatusCode != http.StatusServiceUnavailable {
		return 0, false
	}
	seconds, err := strconv.Atoi(response.Header.Get("Retry-After"))
	return time.Duration(seconds) * time.Second, err == nil && seconds >= 0
}
