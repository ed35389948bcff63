package apiserver

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
)

// TestWatchOverWebSocket wants each event in a message of its own, and what
// refuses a watch as a plain answer.
func TestWatchOverWebSocket(t *testing.T) {
	w := newWorld(t)
	server := httptest.NewServer(w.Server)
	defer server.Close()
	const path = "/api/v1/namespaces/a/configmaps"
	w.must(201, "POST", path, configMap("one", "x"))
	w.must(201, "POST", path, configMap("two", "x"))
	dial := func(query string) (*websocket.Conn, *http.Response, error) {
		return websocket.DefaultDialer.Dial(strings.Replace(server.URL, "http", "ws", 1)+path+"?watch=true"+query, nil)
	}
	conn, _, err := dial("")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, want := range []string{"one", "two", "three"} {
		if want == "three" {
			w.must(201, "POST", path, configMap("three", "x"))
		}
		kind, message, err := conn.ReadMessage()
		var event map[string]any
		if err == nil {
			err = json.Unmarshal(message, &event)
		}
		if err != nil || kind != websocket.TextMessage || at(event, "type") != "ADDED" || at(event, "object", "metadata", "name") != want {
			t.Fatalf("message %q, error %v; want %s", message, err, want)
		}
	}
	if _, answer, err := dial("&resourceVersion=none"); err == nil || answer.StatusCode != 400 {
		t.Errorf("answer %v, error %v", answer, err)
	}
}
