package image

import (
	"fmt"
	"strings"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
)

// Reference is a name as the registry world writes it in full.
type Reference struct {
	Repository string        // docker.io/library/busybox
	Tag        string        // latest; empty with a digest only
	Digest     digest.Digest // empty with a tag only
}

// String is the full name, a digest before a tag.
func (r Reference) String() string {
	if r.Digest != "" {
		return r.Repository + "@" + string(r.Digest)
	}
	return r.Repository + ":" + r.Tag
}

// Host is the registry's.
func (r Reference) Host() string {
	host, _, _ := strings.Cut(r.Repository, "/")
	return host
}

// ParseReference completes a name: "busybox" is
// docker.io/library/busybox:latest. Where tag and digest are given the digest
// counts.
func ParseReference(name string) (Reference, error) {
	named, err := reference.ParseDockerRef(name)
	if err != nil {
		return Reference{}, fmt.Errorf("image name %q: %w", name, err)
	}
	r := Reference{Repository: named.Name()}
	if t, ok := named.(reference.Tagged); ok {
		r.Tag = t.Tag()
	}
	if d, ok := named.(reference.Digested); ok {
		r.Digest, r.Tag = d.Digest(), ""
	}
	return r, nil
}
