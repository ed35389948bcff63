package client

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
)

// TestSeveralServers holds that each connection begins with the next server, and
// that those which cannot be reached are passed over.
func TestSeveralServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tried []string
		gone := map[string]bool{}
		s, err := newSeveral([]string{"https://a:6443", "https://b", "https://[fd00::1]:6443"}, func(ctx context.Context, _, address string) (net.Conn, error) {
			tried = append(tried, address)
			switch {
			case !gone[address]:
				client, server := net.Pipe()
				server.Close()
				return client, nil
			case address == "b:443": // it hangs
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return nil, errors.New(address + " is gone")
		})
		if err != nil {
			t.Fatal(err)
		}
		dial := func(want string) {
			t.Helper()
			tried = nil
			conn, err := s.DialContext(t.Context(), "tcp", "ignored")
			if err == nil {
				conn.Close()
			} else {
				tried = append(tried, err.Error())
			}
			if got := strings.Join(tried, " "); got != want {
				t.Errorf("tried %q, wanted %q", got, want)
			}
		}
		dial("a:6443")
		dial("b:443")
		dial("[fd00::1]:6443")
		dial("a:6443")
		gone["b:443"] = true
		dial("b:443 [fd00::1]:6443")
		gone["[fd00::1]:6443"] = true
		dial("[fd00::1]:6443 a:6443")
		gone["a:6443"] = true
		dial("a:6443 b:443 [fd00::1]:6443 a:6443 is gone\ncontext deadline exceeded\n[fd00::1]:6443 is gone")
	})
	for _, bad := range []string{"http://a:1", "10.0.0.1:6443", "https://"} {
		if _, err := Remote(RemoteConfig{Server: "https://a:1", Others: []string{bad}}); err == nil || !strings.Contains(err.Error(), "want a URL") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
