package cluster

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Cf. GHSA-rgh6-rfwx-v388: links in a log directory that lead out of it.
func TestLogsStayInTheirDirectory(t *testing.T) {
	dir := t.TempDir()
	logDir := filepath.Join(dir, "log")
	for _, err := range []error{
		os.MkdirAll(filepath.Join(logDir, "sub"), 0o755),
		os.WriteFile(filepath.Join(logDir, "sub", "a.log"), []byte("line"), 0o644),
		os.WriteFile(filepath.Join(dir, "secret"), []byte("secret"), 0o644),
		os.Symlink("../secret", filepath.Join(logDir, "relative")),
		os.Symlink(filepath.Join(dir, "secret"), filepath.Join(logDir, "absolute")),
		os.Symlink("..", filepath.Join(logDir, "up")),
		os.Symlink("sub/a.log", filepath.Join(logDir, "inside")),
		syscall.Mkfifo(filepath.Join(logDir, "pipe"), 0o644),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	handler := logs(logDir)
	for path, want := range map[string]struct {
		code int
		text string
	}{
		"/logs/": {200, "sub/"}, "/logs/sub/a.log": {200, "line"}, "/logs/inside": {200, "line"},
		"/logs/relative": {code: 404}, "/logs/absolute": {code: 404}, "/logs/up/secret": {code: 404}, "/logs/../secret": {code: 404},
		"/logs/%2e%2e/secret": {code: 404}, "/logs/..%2fsecret": {code: 404}, "/logs/pipe": {code: 404}, "/logs/none": {code: 404},
	} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != want.code || !strings.Contains(w.Body.String(), want.text) || strings.Contains(w.Body.String(), "secret") && path != "/logs/" {
			t.Errorf("%s: %d %q", path, w.Code, w.Body)
		}
	}
}
