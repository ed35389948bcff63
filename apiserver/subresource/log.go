package subresource

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/apiserver/backend"
	"minke/apiserver/request"
	"minke/apiserver/websocket"
	"minke/tracing"
)

// log streams the log of a container from its node.
func (s *Server) log(w http.ResponseWriter, r *http.Request) error {
	info := request.InfoFrom(r.Context())
	query, err := logQuery(info.Name, r.URL.Query())
	if err != nil {
		return err
	}
	pod, err := getAs[*corev1.Pod](s, r.Context(), "pods", info.Namespace, info.Name)
	if err != nil {
		return err
	}
	container, err := containerOf(pod, r.URL.Query().Get("container"))
	if err != nil {
		return err
	}
	if pod.Spec.NodeName == "" {
		// There is no log yet, which is not an error.
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	place, err := s.kubelet(r.Context(), pod.Spec.NodeName)
	if err != nil {
		return err
	}
	path := "/containerLogs/" + url.PathEscape(pod.Namespace) + "/" + url.PathEscape(pod.Name) + "/" + url.PathEscape(container)
	answer, err := s.fetch(r.Context(), place, path, query)
	if err != nil {
		return apierrors.NewInternalError(fmt.Errorf("get %s: %w", "https://"+place.Address()+path, err))
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return refused(answer, "get", schema.GroupResource{Resource: "pods/log"}, pod.Name)
	}
	if websocket.Asked(r) {
		over, _ := websocket.Bytes(w, r)
		defer over.Close()
		w = over
	}
	w.Header().Set("Content-Type", "text/plain")
	w.WriteHeader(http.StatusOK)
	stream(w, answer.Body)
	return nil
}

// fetch gets one path from a back end.
func (s *Server) fetch(ctx context.Context, p *backend.Place, path string, query url.Values) (*http.Response, error) {
	u := &url.URL{Scheme: "http", Host: p.Address(), Path: path, RawQuery: query.Encode()}
	u.RawPath = path
	req, err := http.NewRequestWithContext(backend.To(ctx, p), http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	span := tracing.Outgoing(req)
	answer, err := s.proxies.RoundTrip(req)
	if err == nil {
		span.Answered(answer.StatusCode)
	}
	span.Fail(err)
	span.End() // the body is the request's own time
	return answer, err
}

// stream copies a body and flushes what came, so that who follows a log sees
// each line at once. A broken stream ends the answer; that is all that can be
// told after it has begun.
func stream(w http.ResponseWriter, body io.Reader) {
	control := http.NewResponseController(w)
	buffer := make([]byte, 32<<10)
	// The header goes out at once, also before the first line.
	_ = control.Flush()
	for {
		n, err := body.Read(buffer)
		if n > 0 {
			if _, err := w.Write(buffer[:n]); err != nil {
				return
			}
			_ = control.Flush()
		}
		if err != nil {
			return
		}
	}
}

// logQuery checks PodLogOptions and returns them as the kubelet's query.
func logQuery(pod string, in url.Values) (url.Values, error) {
	out := url.Values{}
	var errs field.ErrorList
	for _, name := range []string{"follow", "previous", "timestamps"} {
		if flag(in, name) {
			out.Set(name, "true")
		}
	}
	for name, least := range map[string]int64{"tailLines": 0, "limitBytes": 1, "sinceSeconds": 1} {
		text := in.Get(name)
		if text == "" {
			continue
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, apierrors.NewBadRequest(fmt.Sprintf("%s: %v", name, err))
		}
		if n < least {
			message := "must be greater than or equal to 0"
			if least == 1 {
				message = "must be greater than 0"
			}
			errs = append(errs, field.Invalid(field.NewPath(name), n, message))
		}
		out.Set(name, text)
	}
	if at := in.Get("sinceTime"); at != "" {
		if _, err := time.Parse(time.RFC3339, at); err != nil {
			return nil, apierrors.NewBadRequest(fmt.Sprintf("sinceTime: %v", err))
		}
		if out.Has("sinceSeconds") {
			errs = append(errs, field.Forbidden(field.NewPath(""), "at most one of `sinceTime` or `sinceSeconds` may be specified"))
		}
		out.Set("sinceTime", at)
	}
	switch s := in.Get("stream"); s {
	case "":
	case "All", "Stdout", "Stderr":
		out.Set("stream", s)
	default:
		errs = append(errs, field.NotSupported(field.NewPath("stream"), s, []string{"All", "Stderr", "Stdout"}))
	}
	if len(errs) > 0 {
		return nil, apierrors.NewInvalid(schema.GroupKind{Kind: "PodLogOptions"}, pod, errs)
	}
	return out, nil
}

// flag reads a boolean as Kubernetes does: present means true, unless it says
// otherwise.
func flag(q url.Values, name string) bool {
	values, ok := q[name]
	if !ok || len(values) == 0 {
		return false
	}
	switch values[0] {
	case "0", "false", "False", "FALSE", "f", "F":
		return false
	}
	return true
}

// maxErrorText bounds what is read of a back end's refusal.
const maxErrorText = 50 << 10

// refused turns a back end's refusal into an API error.
func refused(answer *http.Response, verb string, resource schema.GroupResource, name string) error {
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxErrorText))
	message := string(text)
	if err != nil || message == "" {
		message = answer.Status
	}
	switch answer.StatusCode {
	case http.StatusInternalServerError:
		return apierrors.NewInternalError(errors.New(message))
	case http.StatusBadRequest:
		return apierrors.NewBadRequest(message)
	}
	return apierrors.NewGenericServerResponse(answer.StatusCode, verb, resource, name, message, 0, true)
}
