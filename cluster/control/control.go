// Package control is the door by which the command line reaches a node's agent
// on the same machine: HTTP on a unix socket that only root may open.
//
//	POST   /images        imports the archive in the body; answers with its names
//	GET    /images        lists the images
//	DELETE /images?name=  removes one
package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"
)

// Image is one image of a node.
type Image struct {
	ID    string   `json:"id"`
	Names []string `json:"names"`
	// Size is in bytes, as the image came.
	Size int64 `json:"size"`
}

// Images is the node's image store.
type Images interface {
	Import(ctx context.Context, archive io.Reader) ([]string, error)
	List() []Image
	Remove(ctx context.Context, name string) error
}

// Listen opens the socket. One that a killed process left is replaced.
func Listen(socket string) (net.Listener, error) {
	if err := os.Remove(socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open control socket: %w", err)
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		return nil, fmt.Errorf("open control socket: %w", err)
	}
	if err := os.Chmod(socket, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("open control socket: %w", err), l.Close())
	}
	return l, nil
}

// Serve answers on l until ctx ends.
func Serve(ctx context.Context, l net.Listener, images Images) error {
	server := &http.Server{Handler: handler(images), ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() {
		if err := server.Close(); err != nil {
			slog.Warn("close control socket", "cause", err)
		}
	})
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve control socket: %w", err)
	}
	return ctx.Err()
}

func handler(images Images) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /images", func(w http.ResponseWriter, r *http.Request) {
		names, err := images.Import(r.Context(), r.Body)
		answer(w, names, err)
	})
	mux.HandleFunc("GET /images", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, images.List(), nil)
	})
	mux.HandleFunc("DELETE /images", func(w http.ResponseWriter, r *http.Request) {
		name := r.URL.Query().Get("name")
		answer(w, []string{name}, images.Remove(r.Context(), name))
	})
	return mux
}

func answer(w http.ResponseWriter, value any, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(value); err != nil {
		slog.Debug("answer on control socket", "cause", err)
	}
}
