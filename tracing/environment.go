package tracing

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
)

// Environment is what the environment variables of OpenTelemetry's SDK say. They are
// read as kube-apiserver reads them: what its configuration or its code sets goes
// before, which leaves OTEL_SERVICE_NAME and OTEL_TRACES_SAMPLER without effect.
type Environment struct {
	// Endpoint is the collector's address, in gRPC's terms.
	Endpoint string
	// Headers go with each call.
	Headers map[string]string
	// Timeout is for one call, zero for the usual one.
	Timeout time.Duration
	Gzip    bool
	// TLS is nil unless certificates are named: the scheme of the endpoint does not
	// decide, since Kubernetes connects without encryption.
	TLS *tls.Config
	// Attributes are of the resource.
	Attributes []Attribute
	// Ignored are the variables whose values cannot be read, and why.
	Ignored []string
}

// ReadEnvironment reads the variables by get, such as os.Getenv: OTEL_EXPORTER_OTLP_*,
// each of which there is for traces alone too (OTEL_EXPORTER_OTLP_TRACES_*), and
// OTEL_RESOURCE_ATTRIBUTES. Values that are not valid are ignored, as the SDK does, but
// for certificates: without them spans would go out in the clear.
func ReadEnvironment(get func(string) string) (*Environment, error) {
	e := &Environment{}
	value := func(name string) string {
		if v := strings.TrimSpace(get("OTEL_EXPORTER_OTLP_TRACES_" + name)); v != "" {
			return v
		}
		return strings.TrimSpace(get("OTEL_EXPORTER_OTLP_" + name))
	}
	e.endpoint(value("ENDPOINT"))
	e.headers(value("HEADERS"))
	if text := value("TIMEOUT"); text != "" {
		milliseconds, err := strconv.ParseUint(text, 10, 31)
		if err != nil {
			e.ignore("TIMEOUT: %q is no number of milliseconds", text)
		}
		e.Timeout = time.Duration(milliseconds) * time.Millisecond
	}
	e.Gzip = value("COMPRESSION") == "gzip"
	e.attributes(get("OTEL_RESOURCE_ATTRIBUTES"))
	return e, e.certificates(value("CERTIFICATE"), value("CLIENT_CERTIFICATE"), value("CLIENT_KEY"))
}

func (e *Environment) ignore(format string, args ...any) {
	e.Ignored = append(e.Ignored, fmt.Sprintf(format, args...))
}

func (e *Environment) endpoint(text string) {
	if text == "" {
		return
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		e.ignore("ENDPOINT: %v", err)
	case u.Scheme == "unix":
		e.Endpoint = "unix://" + u.Host + u.Path
	case u.Host == "":
		e.ignore("ENDPOINT: %q is no URL, such as http://localhost:4317", text)
	default:
		e.Endpoint = u.Host
	}
}

func (e *Environment) headers(text string) {
	for name, value := range e.pairs("HEADERS", text) {
		if name = strings.ToLower(name); !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) || strings.HasPrefix(name, "grpc-") {
			e.ignore("HEADERS: %q is no header", name)
			continue
		}
		if e.Headers == nil {
			e.Headers = map[string]string{}
		}
		e.Headers[name] = value
	}
}

func (e *Environment) attributes(text string) {
	for key, value := range e.pairs("OTEL_RESOURCE_ATTRIBUTES", text) {
		e.Attributes = append(e.Attributes, String(clean(key), clean(value)))
	}
}

// pairs yields what "a=1,b=x%20y" says; the values may be escaped as in URLs.
func (e *Environment) pairs(name, text string) func(yield func(string, string) bool) {
	return func(yield func(string, string) bool) {
		for part := range strings.SplitSeq(text, ",") {
			if strings.TrimSpace(part) == "" {
				continue
			}
			key, value, ok := strings.Cut(part, "=")
			key = strings.TrimSpace(key)
			decoded, err := url.PathUnescape(strings.TrimSpace(value))
			if !ok || key == "" || err != nil {
				e.ignore("%s: want key=value", name) // it may be a secret
				continue
			}
			if !yield(key, decoded) {
				return
			}
		}
	}
}

func (e *Environment) certificates(authorities, certificate, key string) error {
	if authorities == "" && certificate == "" && key == "" {
		return nil
	}
	e.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	if authorities != "" {
		pem, err := os.ReadFile(authorities)
		if err != nil {
			return fmt.Errorf("OTEL_EXPORTER_OTLP_CERTIFICATE: %w", err)
		}
		e.TLS.RootCAs = x509.NewCertPool()
		if !e.TLS.RootCAs.AppendCertsFromPEM(pem) {
			return fmt.Errorf("OTEL_EXPORTER_OTLP_CERTIFICATE: %s holds no certificate", authorities)
		}
	}
	if certificate == "" && key == "" {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return fmt.Errorf("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY: %w", err)
	}
	e.TLS.Certificates = []tls.Certificate{pair}
	return nil
}
