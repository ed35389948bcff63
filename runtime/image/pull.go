package image

import (
	"context"
	"fmt"

	"minke/runtime/registry"
)

// Pull brings an image from its registry into the store.
func (s *Store) Pull(ctx context.Context, c *registry.Client, name string, creds registry.Credentials) (*Image, error) {
	ref, err := ParseReference(name)
	if err != nil {
		return nil, err
	}
	full := ref.String()
	repo := c.Repository(ref.Repository, creds)
	what := ref.Tag
	if ref.Digest != "" {
		what = string(ref.Digest)
	}
	d, err := repo.Resolve(ctx, what)
	if err != nil {
		return nil, fmt.Errorf("failed to pull and unpack image %q: failed to resolve reference %q: %s: %w", full, full, full, err)
	}
	n := names{digests: []string{ref.Repository + "@" + string(d.Digest)}}
	if ref.Tag != "" {
		n.tags = []string{full}
	}
	i, err := s.assemble(ctx, d, n, repo.Fetch)
	if err != nil {
		return nil, fmt.Errorf("failed to pull and unpack image %q: %w", full, err)
	}
	return i, nil
}
