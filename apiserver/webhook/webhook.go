// Package webhook calls webhooks: HTTPS servers that the API server asks by
// POST of one JSON document, which they answer with another. Admission,
// conversion, audit and the remote authenticators and authorizers share it.
//
//	Endpoint ─ found or made ─► transport ─ HTTP/2, kept while used ─► answer
//	   │                          │
//	   └ a Service's name is resolved when a connection is made (Services)
package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/apiserver/flowcontrol"
	"minke/apiserver/h2"
	"minke/tracing"
)

// Endpoint is where a webhook is. Exactly one of URL and Service is set.
type Endpoint struct {
	// URL is an https address.
	URL     string
	Service *Service
	// CABundle has the authorities, in PEM, that the webhook's certificate is
	// checked against; empty means the system's.
	CABundle []byte
	// InsecureSkipVerify trusts any certificate.
	InsecureSkipVerify bool
	// Certificate is what the API server shows of itself; nil for nothing. An
	// endpoint that has one must be used with the same pointer each time.
	Certificate *tls.Certificate
	// Header is added to each call, such as Authorization; it may be nil.
	Header http.Header
}

// Service names a Service's port.
type Service struct {
	Namespace, Name string
	// Path of the URL, "" for "/"; Port defaults to 443.
	Path string
	Port int32
}

// NewService returns the service of a configuration's reference.
func NewService(namespace, name string, path *string, port *int32) *Service {
	s := &Service{Namespace: namespace, Name: name}
	if path != nil {
		s.Path = *path
	}
	if port != nil {
		s.Port = *port
	}
	return s
}

// host is the name by which the service's certificate is checked.
func (s *Service) host() string { return s.Name + "." + s.Namespace + ".svc" }

func (s *Service) port() int32 {
	if s.Port == 0 {
		return 443
	}
	return s.Port
}

// url returns the endpoint's address without a query. Its path is cleaned as
// client-go does it for kube-apiserver: without double slashes and the last one,
// for which many servers have a redirection instead of an answer.
func (e *Endpoint) url() (*url.URL, error) {
	if e.Service == nil {
		at, err := url.Parse(e.URL)
		if err != nil {
			return nil, err
		}
		at.Path, at.RawPath = path.Join("/", at.Path), ""
		return at, nil
	}
	host := e.Service.host() + ":" + strconv.Itoa(int(e.Service.port()))
	return &url.URL{Scheme: "https", Host: host, Path: path.Join("/", e.Service.Path)}, nil
}

// DefaultLimit bounds an answer in bytes: an object of the largest size as a
// patch in base64, and room to spare.
const DefaultLimit = 6 << 20

// maxErrorText bounds how many bytes of a refusal are told.
const maxErrorText = 2048

// Call is one question.
type Call struct {
	Endpoint Endpoint
	// Timeout bounds the whole call, and is told to the webhook in the query;
	// zero leaves it to the context.
	Timeout time.Duration
	// Limit bounds the answer, in bytes; zero means DefaultLimit.
	Limit int64
	// Body is the JSON document that is sent.
	Body []byte
}

// Post asks, and decodes the answer into answer, if it is not nil. An answer other than 2xx is a
// StatusError; every other error says what failed. Redirects are not followed.
// A request that waits for the answer leaves its turn to others meanwhile.
func (c *Client) Post(ctx context.Context, call *Call, answer any) error {
	if call.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, call.Timeout)
		defer cancel()
	}
	request, err := call.request(ctx)
	if err != nil {
		return err
	}
	transport, release, err := c.Transport(&call.Endpoint)
	if err != nil {
		return err
	}
	defer release()
	h2.Arrived(ctx)
	defer flowcontrol.Away(ctx)()
	// A client of its own for each call costs nothing; it words errors as
	// clients expect them: Post "URL": cause.
	client := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	span := tracing.Outgoing(request)
	defer span.End()
	response, err := client.Do(request)
	if err != nil {
		span.Fail(err)
		return err
	}
	span.Answered(response.StatusCode)
	defer response.Body.Close()
	limit := call.Limit
	if limit == 0 {
		limit = DefaultLimit
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return refusal(response)
	}
	if answer == nil {
		return nil
	}
	data, err := io.ReadAll(io.LimitReader(response.Body, limit+1))
	if err != nil {
		return fmt.Errorf("read answer of %s: %w", request.URL.Host, err)
	}
	if int64(len(data)) > limit {
		return fmt.Errorf("read answer of %s: it is larger than %d bytes", request.URL.Host, limit)
	}
	if len(data) == 0 {
		return fmt.Errorf("0-length response with status code: %d and content type: %s", response.StatusCode, response.Header.Get("Content-Type"))
	}
	if err := json.Unmarshal(data, answer); err != nil {
		return fmt.Errorf("decode answer of %s: %w", request.URL.Host, err)
	}
	return nil
}

func (c *Call) request(ctx context.Context) (*http.Request, error) {
	at, err := c.Endpoint.url()
	if err != nil {
		return nil, err
	}
	if at.Scheme != "https" {
		return nil, errors.New("'https' is the only allowed URL scheme")
	}
	if c.Timeout > 0 {
		query := at.Query()
		query.Set("timeout", c.Timeout.String())
		at.RawQuery = query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, at.String(), bytes.NewReader(c.Body))
	if err != nil {
		return nil, err
	}
	for name, values := range c.Endpoint.Header {
		request.Header[name] = values
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json, */*")
	request.Header.Set("User-Agent", "kube-apiserver")
	return request, nil
}

// refusal makes an error of an answer other than 2xx. What the webhook says is
// told as text: it does not speak for this server. A Status is told by its
// message, and what is no text not at all.
func refusal(response *http.Response) error {
	media := response.Header.Get("Content-Type")
	text := ""
	if data, err := io.ReadAll(io.LimitReader(response.Body, maxErrorText)); err == nil {
		var status metav1.Status
		if json.Unmarshal(data, &status) == nil && status.Kind == "Status" && status.APIVersion == "v1" && status.Status == metav1.StatusFailure {
			return &apierrors.StatusError{ErrStatus: metav1.Status{
				Status: metav1.StatusFailure, Code: int32(response.StatusCode), Reason: status.Reason, Message: status.Message,
			}}
		}
		if media == "" || strings.HasPrefix(media, "text/") {
			text = strings.ToValidUTF8(strings.TrimSpace(string(data)), "�")
		}
	}
	if text == "" {
		text = "unknown"
	}
	return apierrors.NewGenericServerResponse(response.StatusCode, http.MethodPost, schema.GroupResource{}, "", text, 0, true)
}
