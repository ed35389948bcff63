package zpages

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestPages(t *testing.T) {
	status := Status(time.Now().Add(-time.Hour), "v1.37.2", []string{"/livez"})
	flags := Flags(map[string]string{"b": "2", "a": "1"})
	for _, c := range []struct {
		h            http.Handler
		accept, form string
		code         int
		want         string
	}{
		{status, "", "text/plain; charset=utf-8", 200, "Up: 1 hr 00 min 00 sec\n"},
		{status, "application/json;g=config.k8s.io;v=v1beta1;as=Statusz", "application/json", 200, `"kind":"Statusz","apiVersion":"config.k8s.io/v1beta1"`},
		{status, "application/yaml;g=config.k8s.io;v=v1alpha1;as=Statusz", "application/yaml", 200, "emulationVersion: \"1.37\"\n"},
		{status, "application/json;g=config.k8s.io;v=v1beta1;as=Flagz", "text/plain; charset=utf-8", 406, "as=Statusz"},
		{status, "application/json", "text/plain; charset=utf-8", 406, "as=Statusz"},
		{flags, "application/json, */*", "text/plain; charset=utf-8", 200, "\n\na=1\nb=2\n"},
		{flags, "application/json;g=config.k8s.io;v=v1beta1;as=Flagz", "application/json", 200, `"flags":{"a":"1","b":"2"}`},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Accept", c.accept)
		rec := httptest.NewRecorder()
		c.h.ServeHTTP(rec, r)
		if rec.Code != c.code || rec.Header().Get("Content-Type") != c.form || !strings.Contains(rec.Body.String(), c.want) {
			t.Errorf("%q: %d %s\n%s\nwant %d %s with %q", c.accept, rec.Code, rec.Header().Get("Content-Type"), rec.Body, c.code, c.form, c.want)
		}
		if c.form == "application/json" && !json.Valid(rec.Body.Bytes()) {
			t.Errorf("%q: not JSON", c.accept)
		}
	}
}
