package websocket

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
)

func TestMessages(t *testing.T) {
	for name, c := range map[string]struct {
		wrap      func(http.ResponseWriter, *http.Request) (*Writer, *http.Request)
		protocols []string
		status    int
		want      string
	}{
		"lines":             {Lines, nil, 200, `1 "{1}\n" 1 "{2}\n"`},
		"lines, a protocol": {Lines, []string{"any"}, 200, `1 "{1}\n" 1 "{2}\n"`},
		"bytes":             {Bytes, nil, 200, `2 "{1}\n{2}\n"`},
		"binary":            {Bytes, []string{"other", "binary.k8s.io"}, 200, `2 "{1}\n{2}\n"`},
		"base64":            {Bytes, []string{"base64.binary.k8s.io"}, 200, `1 "ezF9CnsyfQo="`},
		"unknown":           {Bytes, []string{"other"}, 200, "refused 403"},
		"refused":           {Lines, nil, 410, "refused 410"},
	} {
		t.Run(name, func(t *testing.T) {
			ended := make(chan struct{})
			server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				defer close(ended)
				if !Asked(r) {
					t.Error("not asked")
				}
				w, _ := c.wrap(rw, r)
				defer w.Close()
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte("{1}\n{2}\n"))
			}))
			defer server.Close()
			dialer := websocket.Dialer{Subprotocols: c.protocols}
			conn, answer, err := dialer.Dial(strings.Replace(server.URL, "http", "ws", 1), nil)
			var got []string
			if err != nil {
				got = append(got, fmt.Sprint("refused ", answer.StatusCode))
			} else {
				defer conn.Close()
				for {
					kind, message, err := conn.ReadMessage()
					if err != nil {
						if !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
							t.Error(err)
						}
						break
					}
					got = append(got, fmt.Sprintf("%d %q", kind, message))
				}
			}
			if text := strings.Join(got, " "); text != c.want {
				t.Errorf("got %s, want %s", text, c.want)
			}
			<-ended
		})
	}
}

func TestTheClientGoes(t *testing.T) {
	ended := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		defer close(ended)
		w, r := Lines(rw, r)
		defer w.Close()
		w.WriteHeader(http.StatusOK)
		<-r.Context().Done()
	}))
	defer server.Close()
	conn, _, err := websocket.DefaultDialer.Dial(strings.Replace(server.URL, "http", "ws", 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	<-ended
}
