package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"
)

// The media types of Docker, which registries still serve.
const (
	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	dockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
)

func isIndex(mediaType string) bool {
	return mediaType == ocispec.MediaTypeImageIndex || mediaType == dockerList
}

// names are what an image will be known by.
type names struct {
	tags    []string
	digests []string
}

// assemble brings the image that d describes into the store, choosing this
// machine's platform when d is an index.
func (s *Store) assemble(ctx context.Context, d ocispec.Descriptor, n names, fetch fetcher) (*Image, error) {
	manifest, err := s.manifest(ctx, d, fetch, 0)
	if err != nil {
		return nil, err
	}
	data, err := document(ctx, manifest.Config, fetch)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return s.build(ctx, recipe{config: data, layers: manifest.Layers, names: n, fetch: fetch})
}

func (s *Store) manifest(ctx context.Context, d ocispec.Descriptor, fetch fetcher, depth int) (*ocispec.Manifest, error) {
	data, err := document(ctx, d, fetch)
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	var both struct {
		ocispec.Manifest
		Manifests []ocispec.Descriptor `json:"manifests"`
	}
	if err := json.Unmarshal(data, &both); err != nil {
		return nil, fmt.Errorf("manifest %s: %w", d.Digest, err)
	}
	if !isIndex(d.MediaType) && !isIndex(both.MediaType) && both.Config.Digest != "" {
		return &both.Manifest, nil
	}
	if depth == 3 {
		return nil, fmt.Errorf("manifest %s: indexes in indexes in indexes", d.Digest)
	}
	chosen, ok := choose(both.Manifests)
	if !ok {
		return nil, fmt.Errorf("no match for platform in manifest %s: not found", d.Digest)
	}
	return s.manifest(ctx, chosen, fetch, depth+1)
}

// choose picks the entry for this machine, or one that names no platform.
func choose(list []ocispec.Descriptor) (ocispec.Descriptor, bool) {
	var found ocispec.Descriptor
	ok := false
	for _, d := range list {
		switch p := d.Platform; {
		case p == nil && !ok:
			found, ok = d, true
		case p != nil && p.OS == "linux" && p.Architecture == runtime.GOARCH:
			return d, true
		}
	}
	return found, ok
}

type recipe struct {
	config []byte
	layers []ocispec.Descriptor
	names  names
	fetch  fetcher
}

func (s *Store) build(ctx context.Context, b recipe) (*Image, error) {
	var config ocispec.Image
	if err := json.Unmarshal(b.config, &config); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	if len(config.RootFS.DiffIDs) != len(b.layers) {
		return nil, fmt.Errorf("configuration names %d layers, the manifest %d", len(config.RootFS.DiffIDs), len(b.layers))
	}
	if config.OS != "" && config.OS != "linux" {
		return nil, fmt.Errorf("image is for %s, this machine runs linux", config.OS)
	}
	i := &Image{
		ID: digest.FromBytes(b.config), Tags: b.names.tags, Digests: b.names.digests,
		Size: int64(len(b.config)), Config: config.Config, Created: time.Now(),
	}
	defer func() { s.Release(i.Layers) }()
	if err := s.unpackAll(ctx, i, b, config.RootFS.DiffIDs); err != nil {
		return nil, err
	}
	return i, s.put(i)
}

// parallel is how many layers of an image are fetched and unpacked at a time.
const parallel = 3

// unpackAll brings in the layers, which depend on each other only by name. It
// names them in i and holds them.
func (s *Store) unpackAll(ctx context.Context, i *Image, b recipe, diffs []digest.Digest) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	var chain digest.Digest
	var invalid error
	for n, d := range b.layers {
		if invalid = diffs[n].Validate(); invalid != nil {
			invalid = fmt.Errorf("configuration: layer %q: %w", diffs[n], invalid)
			break
		}
		chain = chainID(chain, diffs[n])
		mine := chain
		s.Hold([]string{layerName(mine)})
		i.Layers = append(i.Layers, layerName(mine))
		i.Size += d.Size
		group.Go(func() error { return s.layer(ctx, d, diffs[n], mine, b.fetch) })
	}
	return errors.Join(invalid, group.Wait())
}

// Hold keeps layers from being collected, once for each Release.
func (s *Store) Hold(layers []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range layers {
		s.busy[l]++
	}
}

// Release undoes one Hold.
func (s *Store) Release(layers []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range layers {
		if s.busy[l]--; s.busy[l] <= 0 {
			delete(s.busy, l)
		}
	}
}
