package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"runtime"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// serveRegistry serves one image under every name, read only (OCI distribution
// specification 1.1): two layers of text files, the upper of which replaces one
// of the lower.
func serveRegistry(address string) error {
	var manifest ocispec.Manifest
	blobs := map[digest.Digest][]byte{}
	store := func(mediaType string, data []byte) ocispec.Descriptor {
		d := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
		blobs[d.Digest] = data
		return d
	}
	config := ocispec.Image{Platform: ocispec.Platform{OS: "linux", Architecture: runtime.GOARCH}, RootFS: ocispec.RootFS{Type: "layers"}}
	for _, files := range [][][2]string{{{"file", "below"}, {"dir/one", "first"}}, {{"file", "above"}, {"dir/two", "second"}}} {
		data, err := archive(files)
		if err != nil {
			return err
		}
		layer := store(ocispec.MediaTypeImageLayer, data)
		manifest.Layers = append(manifest.Layers, layer)
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, layer.Digest)
	}
	data, err := json.Marshal(config)
	if err != nil {
		return err
	}
	manifest.Versioned, manifest.MediaType = specs.Versioned{SchemaVersion: 2}, ocispec.MediaTypeImageManifest
	manifest.Config = store(ocispec.MediaTypeImageConfig, data)
	if data, err = json.Marshal(manifest); err != nil {
		return err
	}
	root := store(ocispec.MediaTypeImageManifest, data)
	http.HandleFunc("GET /v2/{$}", func(http.ResponseWriter, *http.Request) {})
	http.HandleFunc("GET /v2/{name}/manifests/{reference}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", root.MediaType)
		w.Header().Set("Docker-Content-Digest", root.Digest.String())
		w.Write(blobs[root.Digest])
	})
	http.HandleFunc("GET /v2/{name}/blobs/{digest}", func(w http.ResponseWriter, r *http.Request) {
		blob, ok := blobs[digest.Digest(r.PathValue("digest"))]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Write(blob)
	})
	return http.ListenAndServe(address, nil)
}

func archive(files [][2]string) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		if err := w.WriteHeader(&tar.Header{Name: f[0], Mode: 0o755, Size: int64(len(f[1]))}); err != nil {
			return nil, err
		}
		if _, err := io.WriteString(w, f[1]); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return b.Bytes(), err
}
