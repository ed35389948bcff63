package subresource

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/apiserver/authz"
	"minke/apiserver/request"
)

// exec runs a command in a container.
func (s *Server) exec(w http.ResponseWriter, r *http.Request) error {
	in, out := r.URL.Query(), url.Values{}
	if len(in["command"]) == 0 {
		return apierrors.NewBadRequest("you must specify at least one command for the container")
	}
	out["command"] = in["command"]
	return s.inContainer(w, r, "exec", out)
}

// attach joins a running container.
func (s *Server) attach(w http.ResponseWriter, r *http.Request) error {
	return s.inContainer(w, r, "attach", url.Values{})
}

func (s *Server) inContainer(w http.ResponseWriter, r *http.Request, what string, query url.Values) error {
	pod, err := s.target(r)
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
	pod, err := s.target(r)
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
// only be opened by GET, and whoever may merely get must not execute.
func (s *Server) target(r *http.Request) (*corev1.Pod, error) {
	info := request.InfoFrom(r.Context())
	if !isUpgrade(r) {
		return nil, apierrors.NewBadRequest("Upgrade request required")
	}
	if r.Method != http.MethodPost {
		a := authz.AttributesOf(info)
		a.Verb = "create"
		user := request.UserFrom(r.Context())
		if allowed, reason := s.Authorizer.Allows(r.Context(), user, a); !allowed {
			return nil, authz.Forbidden(user, a, reason)
		}
	}
	return getAs[*corev1.Pod](s, r.Context(), "pods", info.Namespace, info.Name)
}

func isUpgrade(r *http.Request) bool {
	for _, header := range r.Header.Values("Connection") {
		for _, token := range strings.Split(header, ",") {
			if strings.EqualFold(strings.TrimSpace(token), "upgrade") {
				return r.Header.Get("Upgrade") != ""
			}
		}
	}
	return false
}

// passed are the headers of the client that a kubelet gets to see.
var passed = []string{
	"Upgrade", "X-Stream-Protocol-Version", "User-Agent",
	"Sec-Websocket-Key", "Sec-Websocket-Version", "Sec-Websocket-Protocol", "Sec-Websocket-Extensions",
}

// answerTimeout bounds how long a kubelet may think before it switches
// protocols.
const answerTimeout = 30 * time.Second

// tunnel asks the pod's kubelet to switch protocols, and once it has agreed
// joins the two connections byte by byte:
//
//	client --> server --> kubelet    request with Upgrade, over a new connection
//	client <-- server <-- kubelet    not 101: an error, the connection is closed
//	client <=> server <=> kubelet    101: hijacked, copied until one side ends
//
// The kubelet's connection serves this one request, so that nobody can go on
// using it with the server's rights (CVE-2018-1002105).
func (s *Server) tunnel(w http.ResponseWriter, r *http.Request, pod *corev1.Pod, path string, query url.Values) error {
	place, err := s.kubelet(r.Context(), pod.Spec.NodeName)
	if err != nil {
		return err
	}
	back, err := place.connect(r.Context())
	if err != nil {
		return apierrors.NewInternalError(fmt.Errorf("error dialing backend: %w", err))
	}
	defer back.Close()
	ask := &http.Request{
		Method: r.Method, Host: place.address(), Header: http.Header{"Connection": {"Upgrade"}},
		URL: &url.URL{Path: mustUnescape(path), RawPath: path, RawQuery: query.Encode()},
	}
	for _, name := range passed {
		if values := r.Header.Values(name); len(values) > 0 {
			ask.Header[name] = values
		}
	}
	if err := back.SetDeadline(time.Now().Add(answerTimeout)); err != nil {
		return apierrors.NewInternalError(err)
	}
	if err := ask.Write(back); err != nil {
		return apierrors.NewInternalError(fmt.Errorf("error sending request to backend: %w", err))
	}
	reader := bufio.NewReader(back)
	answer, err := http.ReadResponse(reader, ask)
	if err != nil {
		return apierrors.NewInternalError(fmt.Errorf("error reading response of backend: %w", err))
	}
	if answer.StatusCode != http.StatusSwitchingProtocols {
		defer answer.Body.Close()
		info := request.InfoFrom(r.Context())
		return refused(answer, info.Verb, schema.GroupResource{Resource: "pods/" + info.Subresource}, pod.Name)
	}
	if err := back.SetDeadline(time.Time{}); err != nil {
		return apierrors.NewInternalError(err)
	}
	return s.join(w, r, answer, back, reader)
}

// join hijacks the client's connection and copies both ways until either side
// or the request's context ends.
func (s *Server) join(w http.ResponseWriter, r *http.Request, answer *http.Response, back net.Conn, fromBack io.Reader) error {
	front, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return apierrors.NewInternalError(fmt.Errorf("take over the connection: %w", err))
	}
	defer front.Close()
	if err := writeSwitch(front, answer); err != nil {
		s.Log.Debug("client went away", "path", r.URL.Path, "err", err)
		return nil
	}
	ended := make(chan struct{}, 2)
	copyTo := func(to io.Writer, from io.Reader) {
		_, _ = io.Copy(to, from)
		ended <- struct{}{}
	}
	go copyTo(front, fromBack)
	go copyTo(back, buffered.Reader)
	running := 2
	select {
	case <-ended:
		running--
	case <-r.Context().Done():
	}
	// Closing both ends what still copies.
	front.Close()
	back.Close()
	for range running {
		<-ended
	}
	return nil
}

func writeSwitch(to io.Writer, answer *http.Response) error {
	w := bufio.NewWriter(to)
	if _, err := fmt.Fprintf(w, "HTTP/1.1 %s\r\n", answer.Status); err != nil {
		return err
	}
	if err := answer.Header.Write(w); err != nil {
		return err
	}
	if _, err := w.WriteString("\r\n"); err != nil {
		return err
	}
	return w.Flush()
}

// mustUnescape undoes the escapes that the caller made.
func mustUnescape(path string) string {
	plain, err := url.PathUnescape(path)
	if err != nil {
		return path
	}
	return plain
}
