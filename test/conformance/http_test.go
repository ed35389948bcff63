//go:build conformance

package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"k8s.io/client-go/rest"
)

const (
	mergePatch     = "application/merge-patch+json"
	strategicPatch = "application/strategic-merge-patch+json"
	jsonPatch      = "application/json-patch+json"
	applyPatch     = "application/apply-patch+yaml"
)

var (
	server string
	plain  *http.Client
)

// connect makes the plain client of the cluster's administrator.
func connect(c *rest.Config) error {
	client, err := rest.HTTPClientFor(c)
	plain, server = client, c.Host
	return err
}

// answer is what the API said.
type answer struct {
	Code   int
	Header http.Header
	Body   object
	Raw    []byte
}

// err is nil if the code is one of these, or any of 2xx without some.
func (a answer) err(codes ...int) error {
	for _, c := range codes {
		if a.Code == c {
			return nil
		}
	}
	if len(codes) == 0 && a.Code/100 == 2 {
		return nil
	}
	return fmt.Errorf("answer %d, wanted %v: %s", a.Code, codes, a.text())
}

func (a answer) text() string {
	s := string(a.Raw)
	if m := a.Body.str("message"); m != "" {
		s = m
	}
	return s[:min(len(s), 400)]
}

// request is one request; Header may be nil.
type request struct {
	Method, Path, Type string
	Body               any // nil, string, []byte, or anything JSON
	Header             map[string]string
	Client             *http.Client // nil for the administrator's
}

func do(ctx context.Context, r request) (answer, error) {
	resp, err := open(ctx, r)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	a := answer{Code: resp.StatusCode, Header: resp.Header}
	if a.Raw, err = io.ReadAll(resp.Body); err != nil {
		return a, fmt.Errorf("%s %s: %w", r.Method, r.Path, err)
	}
	if strings.Contains(resp.Header.Get("Content-Type"), "json") {
		if err := json.Unmarshal(a.Raw, &a.Body); err != nil {
			return a, fmt.Errorf("%s %s: %w", r.Method, r.Path, err)
		}
	}
	return a, nil
}

// open sends the request and leaves the body to the caller.
func open(ctx context.Context, r request) (*http.Response, error) {
	var body io.Reader
	switch b := r.Body.(type) {
	case nil:
	case string:
		body = strings.NewReader(b)
	case []byte:
		body = bytes.NewReader(b)
	default:
		data, err := json.Marshal(b)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(data)
	}
	q, err := http.NewRequestWithContext(ctx, r.Method, server+r.Path, body)
	if err != nil {
		return nil, err
	}
	if r.Type == "" {
		r.Type = "application/json"
	}
	q.Header.Set("Content-Type", r.Type)
	q.Header.Set("Accept", "application/json")
	for k, v := range r.Header {
		q.Header.Set(k, v)
	}
	client := r.Client
	if client == nil {
		client = plain
	}
	return client.Do(q)
}

// object is an API object as JSON.
type object map[string]any

// at follows a dotted path, with numbers for elements of lists.
func (o object) at(path string) any {
	var v any = map[string]any(o)
	for _, key := range strings.Split(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[key]
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i >= len(x) {
				return nil
			}
			v = x[i]
		default:
			return nil
		}
	}
	return v
}

// str is at as text; nothing is "".
func (o object) str(path string) string {
	switch v := o.at(path).(type) {
	case nil:
		return ""
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	default:
		return fmt.Sprint(v)
	}
}

func (o object) num(path string) int {
	f, _ := o.at(path).(float64)
	return int(f)
}

func (o object) list(path string) []object {
	var out []object
	items, _ := o.at(path).([]any)
	for _, i := range items {
		if m, ok := i.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

func (o object) name() string { return o.str("metadata.name") }

// set writes a value at a dotted path of maps.
func (o object) set(path string, value any) object {
	keys := strings.Split(path, ".")
	m := map[string]any(o)
	for _, key := range keys[:len(keys)-1] {
		next, ok := m[key].(map[string]any)
		if !ok {
			next = map[string]any{}
			m[key] = next
		}
		m = next
	}
	m[keys[len(keys)-1]] = value
	return o
}

// condition returns the status of a condition, "" if there is none.
func (o object) condition(kind string) string {
	for _, c := range o.list("status.conditions") {
		if c.str("type") == kind {
			return c.str("status")
		}
	}
	return ""
}
