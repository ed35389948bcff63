package subresource

import (
	"net/http"
	"net/url"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"minke/apiserver/admission"
	"minke/apiserver/request"
)

// connect asks admission whether the request may open a way to a pod, service
// or node. The options are what the request asks for.
func (s *Server) connect(r *http.Request, options runtime.Object) error {
	info := request.InfoFrom(r.Context())
	return s.admit(r.Context(), &admission.Attributes{
		Operation: admission.Connect, Subresource: info.Subresource, Namespace: info.Namespace, Name: info.Name,
		User: request.UserFrom(r.Context()), Connect: options,
		Version: admission.Version{Kind: options.GetObjectKind().GroupVersionKind()},
	}, info.Resource)
}

func coreType(kind string) metav1.TypeMeta { return metav1.TypeMeta{APIVersion: "v1", Kind: kind} }

func execOptions(q url.Values) *corev1.PodExecOptions {
	return &corev1.PodExecOptions{
		TypeMeta: coreType("PodExecOptions"), Container: q.Get("container"), Command: q["command"],
		Stdin: flag(q, "stdin"), Stdout: flag(q, "stdout"), Stderr: flag(q, "stderr"), TTY: flag(q, "tty"),
	}
}

func attachOptions(q url.Values) *corev1.PodAttachOptions {
	return &corev1.PodAttachOptions{
		TypeMeta: coreType("PodAttachOptions"), Container: q.Get("container"),
		Stdin: flag(q, "stdin"), Stdout: flag(q, "stdout"), Stderr: flag(q, "stderr"), TTY: flag(q, "tty"),
	}
}

func portForwardOptions(q url.Values) *corev1.PodPortForwardOptions {
	options := &corev1.PodPortForwardOptions{TypeMeta: coreType("PodPortForwardOptions")}
	for _, text := range q["ports"] {
		if n, err := strconv.ParseInt(text, 10, 32); err == nil {
			options.Ports = append(options.Ports, int32(n))
		}
	}
	return options
}

// proxyPath is where a proxied request leads to.
func proxyPath(r *http.Request) string {
	_, rest := splitProxy(r.URL)
	return mustUnescape(rest)
}
