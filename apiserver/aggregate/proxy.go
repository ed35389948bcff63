package aggregate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"minke/api/apiregistration"
	"minke/api/inprocess"
	"minke/apiserver/backend"
	"minke/apiserver/request"
	"minke/apiserver/webhook"
	"minke/tracing"
)

// route hands requests on to the server behind one APIService.
type route struct {
	manager *Manager
	// service is the APIService as it is stored.
	service   *service
	available bool
	endpoint  *webhook.Endpoint
	// broken, when set, tells why endpoint cannot be used.
	broken error
}

func (m *Manager) newRoute(s *service) *route {
	r := &route{manager: m, service: s}
	r.available = apiregistration.Available(s).Status == apiregistrationv1.ConditionTrue
	r.endpoint, r.broken = m.endpoint(s)
	return r
}

// dial connects to a Service's address: a name is resolved once, checked, and
// that very address is dialled (CVE-2020-8562).
func (m *Manager) dial(ctx context.Context, _, address string) (net.Conn, error) {
	host, port, err := splitAddress(address)
	if err != nil {
		return nil, err
	}
	return m.cfg.Network.Connect(ctx, host, port)
}

func splitAddress(address string) (string, int, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, err
	}
	number, err := strconv.ParseUint(port, 10, 16)
	return host, int(number), err
}

// errRedirect keeps a back end from leading its callers, or this server, away.
var errRedirect = errors.New("the backend attempted to redirect this request, which is not permitted")

// ServeHTTP hands on a request that is authenticated and authorized. Errors are
// plain text, as Kubernetes' aggregator answers.
func (r *route) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	user := request.UserFrom(req.Context())
	switch {
	case user == nil:
		http.Error(w, "missing user", http.StatusInternalServerError)
	case !r.available:
		http.Error(w, "service unavailable", http.StatusServiceUnavailable)
	case r.broken != nil:
		http.Error(w, r.broken.Error(), http.StatusInternalServerError)
	case backend.IsUpgrade(req):
		r.upgrade(w, req, user)
	default:
		r.pass(w, req, user)
	}
}

// host is the Service's name as TLS checks it.
func (r *route) host() string {
	s := r.endpoint.Service
	return net.JoinHostPort(s.Name+"."+s.Namespace+".svc", strconv.Itoa(int(s.Port)))
}

// pass serves a request by one to the back end, over connections that are kept.
func (r *route) pass(w http.ResponseWriter, req *http.Request, user *inprocess.User) {
	transport, release, err := r.manager.client.Transport(r.endpoint)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer release()
	if req, err = serialized(req); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	var span *tracing.Span
	defer func() { span.End() }()
	proxy := &httputil.ReverseProxy{
		Transport: transport, ErrorLog: slog.NewLogLogger(r.manager.log.Handler(), slog.LevelDebug),
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetXForwarded()
			p.Out.URL = &url.URL{Scheme: "https", Host: r.host(), Path: p.In.URL.Path, RawPath: p.In.URL.RawPath, RawQuery: p.In.URL.RawQuery}
			p.Out.Host = r.host()
			setIdentity(p.Out.Header, user)
			span = tracing.Outgoing(p.Out)
		},
		ModifyResponse: func(answer *http.Response) error {
			span.Answered(answer.StatusCode)
			if answer.StatusCode >= 300 && answer.StatusCode < 400 && answer.Header.Get("Location") != "" {
				return errRedirect
			}
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			span.Fail(err)
			status := http.StatusServiceUnavailable
			switch {
			case errors.Is(err, errRedirect):
				status = http.StatusBadGateway
			case errors.Is(err, context.DeadlineExceeded):
				status = http.StatusGatewayTimeout
			}
			http.Error(w, fmt.Sprintf("error trying to reach service: %v", err), status)
		},
	}
	proxy.ServeHTTP(w, req)
}

// upgrade lets the back end switch protocols, over a connection of its own.
func (r *route) upgrade(w http.ResponseWriter, req *http.Request, user *inprocess.User) {
	place, err := r.place(req.Context())
	if err != nil {
		r.manager.log.Info("service of an API service cannot be resolved", "name", r.service.Name, "error", err)
		http.Error(w, "service unavailable", http.StatusServiceUnavailable)
		return
	}
	ask := &http.Request{Method: req.Method, Host: r.host(), Header: req.Header.Clone(), URL: req.URL}
	ask.Header.Set("Connection", "Upgrade")
	setIdentity(ask.Header, user)
	tracing.FromContext(req.Context()).Inject(ask.Header)
	err = backend.Tunnel(w, req, place, ask, func(answer *http.Response) error {
		copyAnswer(w, answer)
		return nil
	})
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	}
}

// serialized returns a request with its object as JSON, if it carries one as it is.
func serialized(req *http.Request) (*http.Request, error) {
	obj := inprocess.ObjectOf(req)
	if obj == nil {
		return req, nil
	}
	if o, ok := obj.(*metav1.DeleteOptions); ok {
		named := *o
		named.TypeMeta = metav1.TypeMeta{Kind: "DeleteOptions", APIVersion: "v1"}
		obj = &named
	}
	text, err := json.Marshal(obj)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", obj, err)
	}
	req = req.Clone(req.Context())
	req.Header.Set("Content-Type", "application/json")
	req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	return req, nil
}

// place resolves the Service now.
func (r *route) place(ctx context.Context) (*backend.Place, error) {
	s := r.endpoint.Service
	address, err := r.manager.services.Address(ctx, s.Namespace, s.Name, s.Port)
	if err != nil {
		return nil, err
	}
	host, port, err := splitAddress(address)
	if err != nil {
		return nil, err
	}
	config, err := r.endpoint.TLS()
	if err != nil {
		return nil, err
	}
	return &backend.Place{Host: host, Port: port, TLS: config, Via: r.manager.cfg.Network}, nil
}

// copyAnswer answers with what the back end said instead of switching.
func copyAnswer(w http.ResponseWriter, answer *http.Response) {
	header := w.Header()
	maps.Copy(header, answer.Header)
	for _, hop := range []string{"Connection", "Upgrade", "Keep-Alive", "Transfer-Encoding"} {
		header.Del(hop)
	}
	w.WriteHeader(answer.StatusCode)
	_, _ = io.Copy(w, answer.Body) // a client that hung up is nobody's fault
}

const (
	remoteUser  = "X-Remote-User"
	remoteUID   = "X-Remote-Uid"
	remoteGroup = "X-Remote-Group"
	remoteExtra = "X-Remote-Extra-"
)

// setIdentity takes all credentials out of a request, and all that claims an
// identity, and names the user.
func setIdentity(h http.Header, user *inprocess.User) {
	for name := range h {
		if strings.HasPrefix(name, "X-Remote-") || strings.HasPrefix(name, "Impersonate-") {
			delete(h, name)
		}
	}
	h.Del("Authorization")
	h.Set(remoteUser, user.Name)
	if user.UID != "" {
		h.Set(remoteUID, user.UID)
	}
	for _, group := range user.Groups {
		h.Add(remoteGroup, group)
	}
	for key, values := range user.Extra {
		for _, v := range values {
			h.Add(remoteExtra+headerKey(key), v)
		}
	}
}

// headerKey escapes what may not stand in a header's name (RFC 9110, 5.6.2).
func headerKey(key string) string {
	var out strings.Builder
	for i := range len(key) {
		if b := key[i]; b != '%' && isToken(b) {
			out.WriteByte(b)
		} else {
			fmt.Fprintf(&out, "%%%02X", b)
		}
	}
	return out.String()
}

func isToken(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || strings.IndexByte("!#$&'*+-.^_`|~", b) >= 0
}
