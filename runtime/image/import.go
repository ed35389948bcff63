package image

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strconv"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// archive is an image archive spread out in a directory, its files by name.
type archive struct {
	files map[string]string
}

// Import brings in the images of an archive, an OCI layout or what docker save
// writes, compressed or not. It returns the names that they are known by, or
// the ID of an image that has none.
func (s *Store) Import(ctx context.Context, r io.Reader) ([]string, error) {
	temp, err := os.MkdirTemp(filepath.Join(s.root, "temp"), "import")
	if err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	defer removeAll(temp)
	u, err := decompress(r)
	if err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	defer u.Close()
	a, err := spread(ctx, u, temp)
	if err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	var known []string
	switch {
	case a.files["index.json"] != "":
		known, err = s.importLayout(ctx, a)
	case a.files["manifest.json"] != "":
		known, err = s.importDocker(ctx, a)
	default:
		err = errors.New("the archive has neither index.json (OCI layout) nor manifest.json (docker save)")
	}
	if err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	return known, nil
}

// spread writes the archive's files under numbers: their names are only looked
// up, never made paths.
func spread(ctx context.Context, r io.Reader, dir string) (*archive, error) {
	a := &archive{files: map[string]string{}}
	t := tar.NewReader(r)
	for {
		h, err := t.Next()
		if err == io.EOF {
			return a, nil
		}
		if err := errors.Join(err, ctx.Err()); err != nil {
			return nil, err
		}
		name := path.Clean("/" + h.Name)[1:]
		switch h.Typeflag {
		case tar.TypeReg:
			file := filepath.Join(dir, strconv.Itoa(len(a.files)))
			f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
			if err != nil {
				return nil, err
			}
			_, err = io.Copy(f, t)
			if err := errors.Join(err, f.Close()); err != nil {
				return nil, err
			}
			a.files[name] = file
		case tar.TypeSymlink, tar.TypeLink: // old docker save links equal layers
			target := path.Join(path.Dir(name), h.Linkname)
			if h.Typeflag == tar.TypeLink {
				target = path.Clean("/" + h.Linkname)[1:]
			}
			if f := a.files[target]; f != "" {
				a.files[name] = f
			}
		}
	}
}

func (a *archive) json(name string, into any) error {
	f, err := a.open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := json.NewDecoder(io.LimitReader(f, maxDocument)).Decode(into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (a *archive) open(name string) (*os.File, error) {
	file := a.files[name]
	if file == "" {
		return nil, fmt.Errorf("the archive lacks %s", name)
	}
	return os.Open(file)
}

func (a *archive) blob(_ context.Context, d ocispec.Descriptor) (io.ReadCloser, error) {
	if err := d.Digest.Validate(); err != nil {
		return nil, err
	}
	return a.open("blobs/" + d.Digest.Algorithm().String() + "/" + d.Digest.Encoded())
}

func (s *Store) importLayout(ctx context.Context, a *archive) ([]string, error) {
	var index ocispec.Index
	if err := a.json("index.json", &index); err != nil {
		return nil, err
	}
	var docker []dockerEntry
	if a.files["manifest.json"] != "" {
		if err := a.json("manifest.json", &docker); err != nil {
			return nil, err
		}
	}
	var known []string
	for k, d := range index.Manifests {
		tags, err := layoutTags(d)
		if err == nil && len(tags) == 0 && len(docker) == len(index.Manifests) {
			tags, err = fullNames(docker[k].RepoTags)
		}
		if err != nil {
			return known, err
		}
		i, err := s.assemble(ctx, d, names{tags: tags, digests: digestsOf(tags, d.Digest)}, a.blob)
		if err != nil {
			return known, err
		}
		known = append(known, knownAs(i, tags)...)
	}
	return known, nil
}

// layoutTags reads the annotations that tools put on an index's entries: a
// full name of containerd's, or a reference that is a name only when it has
// more than a tag.
func layoutTags(d ocispec.Descriptor) ([]string, error) {
	name := d.Annotations["io.containerd.image.name"]
	if name == "" {
		name = d.Annotations[ocispec.AnnotationRefName]
	}
	if name == "" {
		return nil, nil
	}
	return fullNames([]string{name})
}

func fullNames(list []string) ([]string, error) {
	var full []string
	for _, name := range list {
		ref, err := ParseReference(name)
		if err != nil {
			return nil, err
		}
		if ref.Tag != "" {
			full = append(full, ref.String())
		}
	}
	return full, nil
}

func digestsOf(tags []string, d digest.Digest) []string {
	var list []string
	for _, t := range tags {
		if ref, err := ParseReference(t); err == nil {
			list = append(list, ref.Repository+"@"+string(d))
		}
	}
	return list
}

func knownAs(i *Image, tags []string) []string {
	if len(tags) == 0 {
		return []string{string(i.ID)}
	}
	return tags
}

type dockerEntry struct {
	Config   string
	RepoTags []string
	Layers   []string
}

func (s *Store) importDocker(ctx context.Context, a *archive) ([]string, error) {
	var entries []dockerEntry
	if err := a.json("manifest.json", &entries); err != nil {
		return nil, err
	}
	var known []string
	for _, e := range entries {
		tags, err := fullNames(e.RepoTags)
		if err != nil {
			return known, err
		}
		i, err := s.buildDocker(ctx, a, e, tags)
		if err != nil {
			return known, err
		}
		known = append(known, knownAs(i, tags)...)
	}
	return known, nil
}

// buildDocker describes the layers by what they are, since the archive's
// manifest has no digests; the configuration's diff IDs still verify them.
func (s *Store) buildDocker(ctx context.Context, a *archive, e dockerEntry, tags []string) (*Image, error) {
	f, err := a.open(path.Clean(e.Config))
	if err != nil {
		return nil, err
	}
	config, err := io.ReadAll(io.LimitReader(f, maxDocument))
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	byDigest := map[digest.Digest]string{}
	var layers []ocispec.Descriptor
	for _, name := range e.Layers {
		name = path.Clean(name)
		f, err := a.open(name)
		if err != nil {
			return nil, err
		}
		d, err := digest.FromReader(f)
		info, statErr := f.Stat()
		if err := errors.Join(err, statErr, f.Close()); err != nil {
			return nil, err
		}
		byDigest[d] = name
		layers = append(layers, ocispec.Descriptor{Digest: d, Size: info.Size()})
	}
	fetch := func(_ context.Context, d ocispec.Descriptor) (io.ReadCloser, error) {
		return a.open(byDigest[d.Digest])
	}
	return s.build(ctx, recipe{config: config, layers: layers, names: names{tags: tags}, fetch: fetch})
}
