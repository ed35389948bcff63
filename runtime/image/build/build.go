// Package build makes small container images out of files in memory, for the
// toolbox that the program carries and for tests. The same input gives the
// same bytes.
package build

import (
	"archive/tar"
	"bytes"
	_ "crypto/sha256" // digests
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Entry is a file of a layer.
type Entry struct {
	Name     string // relative to the root
	Mode     int64  // permission bits
	UID, GID int
	Dir      bool
	Body     []byte
	Symlink  string            // what a symbolic link points at
	HardLink string            // the earlier entry that this is another name of
	Xattrs   map[string]string // extended attributes
}

// Image is what is to be built.
type Image struct {
	Names        []string // full names
	Architecture string
	Config       ocispec.ImageConfig
	Layers       [][]Entry
}

type blob struct {
	descriptor ocispec.Descriptor
	data       []byte
}

// Write writes the image as an OCI layout in a tar archive.
func (i *Image) Write(w io.Writer) error {
	manifest, blobs, err := i.blobs()
	if err != nil {
		return fmt.Errorf("build image %v: %w", i.Names, err)
	}
	index := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex}
	for _, n := range i.Names {
		d := manifest
		d.Annotations = map[string]string{"io.containerd.image.name": n}
		index.Manifests = append(index.Manifests, d)
	}
	if len(i.Names) == 0 {
		index.Manifests = []ocispec.Descriptor{manifest}
	}
	indexData, err := json.Marshal(index)
	if err != nil {
		return err
	}
	t := tar.NewWriter(w)
	put := func(name string, data []byte) error {
		if err := t.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(data)), ModTime: time.Unix(0, 0)}); err != nil {
			return err
		}
		_, err := t.Write(data)
		return err
	}
	if err := put("oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`)); err != nil {
		return err
	}
	if err := put("index.json", indexData); err != nil {
		return err
	}
	for _, b := range blobs {
		if err := put("blobs/sha256/"+b.descriptor.Digest.Encoded(), b.data); err != nil {
			return err
		}
	}
	return t.Close()
}

func (i *Image) blobs() (manifest ocispec.Descriptor, all []blob, err error) {
	config := ocispec.Image{
		Platform: ocispec.Platform{Architecture: i.Architecture, OS: "linux"}, Config: i.Config,
		RootFS: ocispec.RootFS{Type: "layers"},
	}
	m := ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest}
	for _, entries := range i.Layers {
		plain, err := layer(entries)
		if err != nil {
			return manifest, nil, err
		}
		packed, err := compress(plain)
		if err != nil {
			return manifest, nil, err
		}
		b := newBlob(ocispec.MediaTypeImageLayerZstd, packed)
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, digest.FromBytes(plain))
		m.Layers = append(m.Layers, b.descriptor)
		all = append(all, b)
	}
	data, err := json.Marshal(config)
	if err != nil {
		return manifest, nil, err
	}
	c := newBlob(ocispec.MediaTypeImageConfig, data)
	m.Config = c.descriptor
	if data, err = json.Marshal(m); err != nil {
		return manifest, nil, err
	}
	top := newBlob(ocispec.MediaTypeImageManifest, data)
	return top.descriptor, append(all, c, top), nil
}

func newBlob(mediaType string, data []byte) blob {
	return blob{ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}, data}
}

func compress(data []byte) ([]byte, error) {
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(data); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func layer(entries []Entry) ([]byte, error) {
	var b bytes.Buffer
	t := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Name: e.Name, Mode: e.Mode, Uid: e.UID, Gid: e.GID, ModTime: time.Unix(0, 0), Typeflag: tar.TypeReg, Format: tar.FormatPAX}
		switch {
		case e.Dir:
			h.Typeflag = tar.TypeDir
		case e.Symlink != "":
			h.Typeflag, h.Linkname = tar.TypeSymlink, e.Symlink
		case e.HardLink != "":
			h.Typeflag, h.Linkname = tar.TypeLink, e.HardLink
		default:
			h.Size = int64(len(e.Body))
		}
		for k, v := range e.Xattrs {
			if h.PAXRecords == nil {
				h.PAXRecords = map[string]string{}
			}
			h.PAXRecords["SCHILY.xattr."+k] = v
		}
		if err := t.WriteHeader(h); err != nil {
			return nil, fmt.Errorf("entry %s: %w", e.Name, err)
		}
		if h.Typeflag == tar.TypeReg {
			if _, err := t.Write(e.Body); err != nil {
				return nil, fmt.Errorf("entry %s: %w", e.Name, err)
			}
		}
	}
	if err := t.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
