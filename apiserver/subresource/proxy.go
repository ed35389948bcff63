package subresource

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utilnet "k8s.io/apimachinery/pkg/util/net"

	"minke/apiserver/backend"
	"minke/apiserver/request"
	"minke/tracing"
)

// podProxy passes a request on to a pod. The name may say "scheme:name:port".
func (s *Server) podProxy(w http.ResponseWriter, r *http.Request) error {
	info := request.InfoFrom(r.Context())
	if err := s.connect(r, &corev1.PodProxyOptions{TypeMeta: coreType("PodProxyOptions"), Path: proxyPath(r)}); err != nil {
		return err
	}
	scheme, name, port, valid := utilnet.SplitSchemeNamePort(info.Name)
	if !valid {
		return apierrors.NewBadRequest(fmt.Sprintf("invalid pod request %q", info.Name))
	}
	pod, err := getAs[*corev1.Pod](s, r.Context(), "pods", info.Namespace, name)
	if err != nil {
		return err
	}
	if pod.Status.PodIP == "" {
		return apierrors.NewBadRequest("address not allowed")
	}
	if port == "" {
		port = firstPort(pod)
	}
	place, err := s.inNetwork(scheme, pod.Status.PodIP, port)
	if err != nil {
		return err
	}
	return s.pass(w, r, place)
}

// firstPort returns the first port that a container of the pod declares.
func firstPort(pod *corev1.Pod) string {
	for _, c := range pod.Spec.Containers {
		if len(c.Ports) > 0 {
			return strconv.Itoa(int(c.Ports[0].ContainerPort))
		}
	}
	return ""
}

// inNetwork returns an address in the pods' network. Certificates of pods are
// not verified: nobody vouches for them.
func (s *Server) inNetwork(scheme, host, port string) (*backend.Place, error) {
	p := &backend.Place{Host: host, Port: 80, Via: s.Network}
	if scheme == "https" {
		p.Port, p.TLS = 443, &tls.Config{InsecureSkipVerify: true}
	}
	if port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return nil, apierrors.NewBadRequest(fmt.Sprintf("invalid port %q", port))
		}
		p.Port = int(n)
	}
	return p, nil
}

// nodeProxy passes a request on to a node's kubelet, or to another port of the
// node, without the server's certificate.
func (s *Server) nodeProxy(w http.ResponseWriter, r *http.Request) error {
	info := request.InfoFrom(r.Context())
	if err := s.connect(r, &corev1.NodeProxyOptions{TypeMeta: coreType("NodeProxyOptions"), Path: proxyPath(r)}); err != nil {
		return err
	}
	scheme, name, port, valid := utilnet.SplitSchemeNamePort(info.Name)
	if !valid {
		return apierrors.NewBadRequest(fmt.Sprintf("invalid node request %q", info.Name))
	}
	kubelet, err := s.kubelet(r.Context(), name)
	if err != nil {
		return err
	}
	if port != "" && port != strconv.Itoa(kubelet.Port) {
		other, err := s.inNetwork(scheme, kubelet.Host, port)
		if err != nil {
			return err
		}
		other.Via = s.Kubelet.Network
		return s.pass(w, r, other)
	}
	if err := mayProxy(r, name); err != nil {
		return err
	}
	return s.pass(w, r, kubelet)
}

// acting are the kubelet's paths that do something in a container.
var acting = map[string]bool{"exec": true, "attach": true, "portForward": true, "portforward": true, "run": true, "cri": true, "checkpoint": true}

// mayProxy keeps a GET from executing: what acts must come by POST, and so
// needs the verb create.
func mayProxy(r *http.Request, node string) error {
	_, path := splitProxy(r.URL)
	plain, err := url.PathUnescape(path)
	if err != nil {
		return apierrors.NewBadRequest(err.Error())
	}
	for _, part := range strings.Split(plain, "/") {
		if part == "" || part == "." {
			continue
		}
		// A path that climbs could reach what its first part does not show.
		if part == ".." || acting[part] && r.Method != http.MethodPost {
			return apierrors.NewForbidden(nodes.GroupResource(), node, fmt.Errorf("%s is not proxied for %s", part, r.Method))
		}
		if part != ".." {
			break
		}
	}
	if strings.Contains(plain, "/../") || strings.HasSuffix(plain, "/..") {
		return apierrors.NewForbidden(nodes.GroupResource(), node, fmt.Errorf("a path with .. is not proxied"))
	}
	if backend.IsUpgrade(r) && r.Method != http.MethodPost {
		return apierrors.NewForbidden(nodes.GroupResource(), node, fmt.Errorf("an upgrade is not proxied for %s", r.Method))
	}
	return nil
}

// splitProxy cuts an escaped path behind its "proxy" segment, the subresource.
func splitProxy(u *url.URL) (prefix, rest string) {
	path := u.EscapedPath()
	// /api/v1/nodes/NAME/proxy has 5 segments, /api/v1/namespaces/NS/pods/NAME/proxy 7.
	segments := 5
	if strings.HasPrefix(path, "/api/v1/namespaces/") {
		segments = 7
	}
	at := 0
	for range segments {
		next := strings.IndexByte(path[min(at+1, len(path)):], '/')
		if next < 0 {
			return path, ""
		}
		at += 1 + next
	}
	return path[:at], path[at:]
}

// pass serves the request from a back end.
func (s *Server) pass(w http.ResponseWriter, r *http.Request, p *backend.Place) error {
	prefix, rest := splitProxy(r.URL)
	if rest == "" && (r.Method == http.MethodGet || r.Method == http.MethodHead) && !backend.IsUpgrade(r) {
		to := r.URL.EscapedPath() + "/"
		if r.URL.RawQuery != "" {
			to += "?" + r.URL.RawQuery
		}
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusMovedPermanently)
		return nil
	}
	if rest == "" {
		rest = "/"
	}
	proxy := &httputil.ReverseProxy{
		Transport: s.proxies, FlushInterval: -1, ErrorLog: nil,
		Rewrite: func(pr *httputil.ProxyRequest) {
			pr.SetXForwarded()
			pr.Out.URL = &url.URL{Scheme: "http", Host: p.Address(), Path: mustUnescape(rest), RawPath: rest, RawQuery: r.URL.RawQuery}
			pr.Out.Host = p.Address()
			pr.Out.Header.Set("X-Forwarded-Uri", r.URL.Path)
			pr.Out.Header.Del("Authorization")
			// Links can only be rewritten in plain text.
			pr.Out.Header.Del("Accept-Encoding")
			tracing.FromContext(r.Context()).Inject(pr.Out.Header)
		},
		ModifyResponse: func(answer *http.Response) error { return rewrite(answer, prefix, p.Address(), r.Host) },
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			s.Codec.WriteError(w, r, apierrors.NewServiceUnavailable(fmt.Sprintf("error trying to reach service: %v", err)))
		},
	}
	proxy.ServeHTTP(w, r.WithContext(backend.To(r.Context(), p)))
	return nil
}
