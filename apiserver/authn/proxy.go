package authn

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"minke/api/inprocess"
)

// FrontProxy trusts a proxy that shows a certificate of its own and names the
// user in headers, as the aggregation layer does.
type FrontProxy struct {
	// Certificates verify the proxy.
	Certificates *Certificates
	// AllowedNames are the common names that a proxy may have; empty for any.
	AllowedNames []string
	// Headers are those that name the user; of several the first that is set
	// counts.
	Headers ProxyHeaders
}

// ProxyHeaders are the names of headers, the last one of prefixes. The zero
// value stands for DefaultProxyHeaders.
type ProxyHeaders struct{ User, UID, Group, Extra []string }

// DefaultProxyHeaders are the names that everybody uses.
var DefaultProxyHeaders = ProxyHeaders{
	User: []string{"X-Remote-User"}, UID: []string{"X-Remote-Uid"}, Group: []string{"X-Remote-Group"}, Extra: []string{"X-Remote-Extra-"},
}

// user returns the user that a trusted proxy names, or nil. The headers are
// taken out in any case, so that nobody else is ever believed.
func (f *FrontProxy) user(r *http.Request) *inprocess.User {
	names := f.Headers
	if len(names.User) == 0 {
		names = DefaultProxyHeaders
	}
	user := names.take(r.Header)
	if user == nil || user.Name == "" || r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return nil
	}
	if _, err := f.Certificates.verify(r.TLS.PeerCertificates); err != nil {
		return nil
	}
	if len(f.AllowedNames) > 0 && !slices.Contains(f.AllowedNames, r.TLS.PeerCertificates[0].Subject.CommonName) {
		return nil
	}
	return user
}

// take moves a user out of headers. It returns nil if they name none.
func (n ProxyHeaders) take(h http.Header) *inprocess.User {
	if !n.in(h) {
		return nil
	}
	user := &inprocess.User{Name: firstOf(h, n.User), UID: firstOf(h, n.UID)}
	for _, name := range n.Group {
		user.Groups = append(user.Groups, h.Values(name)...)
	}
	for _, prefix := range n.Extra {
		for key, values := range extra(h, prefix) {
			if user.Extra == nil {
				user.Extra = map[string][]string{}
			}
			user.Extra[key] = append(user.Extra[key], values...)
		}
	}
	for _, name := range slices.Concat(n.User, n.UID, n.Group) {
		h.Del(name)
	}
	for name := range h {
		if n.isExtra(name) {
			delete(h, name)
		}
	}
	return user
}

// in tells whether any of h is of a proxy.
func (n ProxyHeaders) in(h http.Header) bool {
	for _, names := range [...][]string{n.User, n.UID, n.Group} {
		for _, name := range names {
			if len(h.Values(name)) > 0 {
				return true
			}
		}
	}
	for name := range h {
		if n.isExtra(name) {
			return true
		}
	}
	return false
}

func (n ProxyHeaders) isExtra(name string) bool {
	return slices.ContainsFunc(n.Extra, func(prefix string) bool { return hasPrefix(name, prefix) })
}

func firstOf(h http.Header, names []string) string {
	for _, name := range names {
		if v := h.Get(name); v != "" {
			return v
		}
	}
	return ""
}

func hasPrefix(name, prefix string) bool {
	return len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix)
}

// extra gathers headers that begin with prefix; the rest of the name, in lower
// case and with escapes undone, is the key.
func extra(h http.Header, prefix string) map[string][]string {
	var out map[string][]string
	for name, values := range h {
		if !hasPrefix(name, prefix) {
			continue
		}
		key := strings.ToLower(name[len(prefix):])
		if plain, err := url.PathUnescape(key); err == nil {
			key = plain
		}
		if out == nil {
			out = map[string][]string{}
		}
		out[key] = append(out[key], values...)
	}
	return out
}
