package image

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"
)

// fetcher opens a blob. What it returns need not be verified yet.
type fetcher func(ctx context.Context, d ocispec.Descriptor) (io.ReadCloser, error)

// maxDocument bounds manifests, indexes and configurations, bytes.
const maxDocument = 8 << 20

// layerName is the directory of the layer with this chain ID: 96 bits tell
// layers apart, and more than a hundred such names fit into a mount's options.
func layerName(chain digest.Digest) string { return chain.Encoded()[:24] }

// chainID names a layer on top of those below it, as the OCI image
// specification says.
func chainID(parent, diff digest.Digest) digest.Digest {
	if parent == "" {
		return diff
	}
	return digest.FromString(string(parent) + " " + string(diff))
}

// layer makes sure that a layer is unpacked. It must be held busy by the caller
// until a record names it.
func (s *Store) layer(ctx context.Context, d ocispec.Descriptor, diff, chain digest.Digest, fetch fetcher) error {
	name := layerName(chain)
	defer s.layers.lock(name)()
	final := filepath.Join(s.LayersDir(), name)
	if _, err := os.Stat(final); err == nil {
		return nil
	}
	temp, err := os.MkdirTemp(filepath.Join(s.root, "temp"), "layer")
	if err != nil {
		return fmt.Errorf("layer %s: %w", d.Digest, err)
	}
	defer removeAll(temp)
	tree := filepath.Join(temp, "fs")
	if err := os.Mkdir(tree, 0o755); err != nil {
		return fmt.Errorf("layer %s: %w", d.Digest, err)
	}
	r, err := fetch(ctx, d)
	if err != nil {
		return fmt.Errorf("layer %s: %w", d.Digest, err)
	}
	defer r.Close()
	if err := unpackVerified(r, d.Digest, diff, tree); err != nil {
		return fmt.Errorf("layer %s: %w", d.Digest, err)
	}
	if err := syncTree(temp); err != nil {
		return fmt.Errorf("layer %s: sync: %w", d.Digest, err)
	}
	if err := errors.Join(os.Rename(temp, final), syncDir(s.LayersDir())); err != nil {
		return fmt.Errorf("layer %s: %w", d.Digest, err)
	}
	return nil
}

// syncTree makes all of the file system that holds a layer durable, which for
// thousands of small files is far cheaper than one fsync each.
func syncTree(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.Syncfs(int(f.Fd()))
}

// unpackVerified unpacks and holds the bytes against both their digests, as
// they came and uncompressed. Nothing of a layer that fails is ever used.
func unpackVerified(r io.Reader, blob, diff digest.Digest, dir string) error {
	if err := errors.Join(blob.Validate(), diff.Validate()); err != nil {
		return err
	}
	asCame, plain := blob.Verifier(), diff.Verifier()
	in := io.TeeReader(r, asCame)
	u, err := decompress(in)
	if err != nil {
		return err
	}
	defer u.Close()
	out := io.TeeReader(u, plain)
	if err := unpack(out, dir); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, out); err != nil { // padding after the archive's end
		return err
	}
	if _, err := io.Copy(io.Discard, in); err != nil {
		return err
	}
	if !asCame.Verified() {
		return fmt.Errorf("the content does not have the digest %s", blob)
	}
	if !plain.Verified() {
		return fmt.Errorf("the uncompressed content does not have the digest %s", diff)
	}
	return nil
}

// decompress looks at the first bytes: media types are not to be relied upon.
func decompress(r io.Reader) (io.ReadCloser, error) {
	b := bufio.NewReaderSize(r, 64<<10)
	magic, _ := b.Peek(4)
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		return gzip.NewReader(b)
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(b, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	}
	return io.NopCloser(b), nil
}

// document reads and verifies a small blob.
func document(ctx context.Context, d ocispec.Descriptor, fetch fetcher) ([]byte, error) {
	r, err := fetch(ctx, d)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, maxDocument+1))
	switch {
	case err != nil:
		return nil, err
	case len(data) > maxDocument:
		return nil, fmt.Errorf("%s is larger than %d bytes", d.Digest, maxDocument)
	case d.Digest.Validate() != nil || d.Digest.Algorithm().FromBytes(data) != d.Digest:
		return nil, fmt.Errorf("the content does not have the digest %s", d.Digest)
	}
	return data, nil
}
