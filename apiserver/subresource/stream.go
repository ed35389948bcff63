package subresource

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/apiserver/authz"
	"minke/apiserver/backend"
	"minke/apiserver/request"
	"minke/tracing"
)

// exec runs a command in a container.
func (s *Server) exec(w http.ResponseWriter, r *http.Request) error {
	in, out := r.URL.Query(), url.Values{}
	if len(in["command"]) == 0 {
		return apierrors.NewBadRequest("you must specify at least one command for the container")
	}
	out["command"] = in["command"]
	return s.inContainer(w, r, "exec", out, execOptions(in))
}

// attach joins a running container.
func (s *Server) attach(w http.ResponseWriter, r *http.Request) error {
	return s.inContainer(w, r, "attach", url.Values{}, attachOptions(r.URL.Query()))
}

func (s *Server) inContainer(w http.ResponseWriter, r *http.Request, what string, query url.Values, options runtime.Object) error {
	pod, err := s.target(r, options)
	if err != nil {
		return err
	}
	in := r.URL.Query()
	container, err := containerOf(pod, in.Get("container"))
	if err != nil {
		return err
	}
	if pod.Spec.NodeName == "" {
		return apierrors.NewBadRequest(fmt.Sprintf("pod %s does not have a host assigned", pod.Name))
	}
	for from, to := range map[string]string{"stdin": "input", "stdout": "output", "stderr": "error", "tty": "tty"} {
		if flag(in, from) {
			query.Set(to, "1")
		}
	}
	path := "/" + what + "/" + url.PathEscape(pod.Namespace) + "/" + url.PathEscape(pod.Name) + "/" + url.PathEscape(container)
	return s.tunnel(w, r, pod, path, query)
}

// portForward opens streams to a pod's ports.
func (s *Server) portForward(w http.ResponseWriter, r *http.Request) error {
	pod, err := s.target(r, portForwardOptions(r.URL.Query()))
	if err != nil {
		return err
	}
	if pod.Spec.NodeName == "" {
		return apierrors.NewBadRequest(fmt.Sprintf("pod %s does not have a host assigned", pod.Name))
	}
	query := url.Values{}
	if ports := r.URL.Query()["ports"]; len(ports) > 0 {
		query.Set("port", strings.Join(ports, ","))
	}
	return s.tunnel(w, r, pod, "/portForward/"+url.PathEscape(pod.Namespace)+"/"+url.PathEscape(pod.Name), query)
}

// target finds the pod after checking that the request may act: a WebSocket can
// only be opened by GET, and whoever may merely get must not execute. Then
// admission is asked.
func (s *Server) target(r *http.Request, options runtime.Object) (*corev1.Pod, error) {
	info := request.InfoFrom(r.Context())
	if r.Method != http.MethodPost {
		a := authz.AttributesOf(info)
		a.Verb = "create"
		user := request.UserFrom(r.Context())
		if allowed, reason := s.Authorizer.Allows(r.Context(), user, a); !allowed {
			return nil, authz.Forbidden(user, a, reason)
		}
	}
	if err := s.connect(r, options); err != nil {
		return nil, err
	}
	return getAs[*corev1.Pod](s, r.Context(), "pods", info.Namespace, info.Name)
}

// passed are the headers of the client that a kubelet gets to see.
var passed = []string{
	"Upgrade", "X-Stream-Protocol-Version", "User-Agent",
	"Sec-Websocket-Key", "Sec-Websocket-Version", "Sec-Websocket-Protocol", "Sec-Websocket-Extensions",
}

// tunnel lets the pod's kubelet switch protocols.
func (s *Server) tunnel(w http.ResponseWriter, r *http.Request, pod *corev1.Pod, path string, query url.Values) error {
	// What else is wrong with the request is told before, as by Kubernetes.
	if !backend.IsUpgrade(r) {
		return apierrors.NewBadRequest("Upgrade request required")
	}
	place, err := s.kubelet(r.Context(), pod.Spec.NodeName)
	if err != nil {
		return err
	}
	ask := &http.Request{
		Method: r.Method, Host: place.Address(), Header: http.Header{"Connection": {"Upgrade"}},
		URL: &url.URL{Path: mustUnescape(path), RawPath: path, RawQuery: query.Encode()},
	}
	for _, name := range passed {
		if values := r.Header.Values(name); len(values) > 0 {
			ask.Header[name] = values
		}
	}
	tracing.FromContext(r.Context()).Inject(ask.Header)
	return backend.Tunnel(w, r, place, ask, func(answer *http.Response) error {
		info := request.InfoFrom(r.Context())
		return refused(answer, info.Verb, schema.GroupResource{Resource: "pods/" + info.Subresource}, pod.Name)
	})
}

// mustUnescape undoes the escapes that the caller made.
func mustUnescape(path string) string {
	plain, err := url.PathUnescape(path)
	if err != nil {
		return path
	}
	return plain
}
