package cluster

import (
	"io/fs"
	"net/http"
	"os"
)

// logDir is what /logs/ shows, of the API server when asked to, and of each node.
const logDir = "/var/log"

// logs serves the files beneath dir to whoever may read /logs/. A link that
// leads out of it is not followed, and nothing but regular files is opened: a
// pipe would hold its reader.
func logs(dir string) http.Handler {
	return http.StripPrefix("/logs", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		root, err := os.OpenRoot(dir)
		if err != nil {
			http.Error(w, "404 page not found", http.StatusNotFound)
			return
		}
		defer root.Close()
		http.FileServerFS(regular{root.FS()}).ServeHTTP(w, r)
	}))
}

// regular shows a file system's directories and regular files.
type regular struct{ fs.FS }

// Open tells of all else, and of links that lead out, that it does not exist.
func (r regular) Open(name string) (fs.File, error) {
	info, err := fs.Stat(r.FS, name)
	if err != nil || !info.IsDir() && !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return r.FS.Open(name)
}
