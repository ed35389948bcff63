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
}

const (
	remoteUser   = "X-Remote-User"
	remoteUID    = "X-Remote-Uid"
	remoteGroup  = "X-Remote-Group"
	remotePrefix = "X-Remote-Extra-"
)

// user returns the user that a trusted proxy names, or nil. The headers are
// taken out in any case, so that nobody else is ever believed.
func (f *FrontProxy) user(r *http.Request) *inprocess.User {
	user := &inprocess.User{
		Name: r.Header.Get(remoteUser), UID: r.Header.Get(remoteUID),
		Groups: slices.Clone(r.Header.Values(remoteGroup)), Extra: extra(r.Header, remotePrefix),
	}
	r.Header.Del(remoteUser)
	r.Header.Del(remoteUID)
	r.Header.Del(remoteGroup)
	for name := range r.Header {
		if strings.HasPrefix(name, remotePrefix) {
			r.Header.Del(name)
		}
	}
	if user.Name == "" || r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return nil
	}
	if f.Certificates.verify(r.TLS.PeerCertificates) != nil {
		return nil
	}
	if len(f.AllowedNames) > 0 && !slices.Contains(f.AllowedNames, r.TLS.PeerCertificates[0].Subject.CommonName) {
		return nil
	}
	return user
}

// extra gathers headers that begin with prefix; the rest of the name, in lower
// case and with escapes undone, is the key.
func extra(h http.Header, prefix string) map[string][]string {
	var out map[string][]string
	for name, values := range h {
		if len(name) <= len(prefix) || !strings.EqualFold(name[:len(prefix)], prefix) {
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
