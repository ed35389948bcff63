package images

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"minke/runtime/image/build"
)

// Programs writes an image of static programs, each in /bin under its own name,
// and an empty /tmp.
func Programs(w io.Writer, name string, files ...string) error {
	return programs(w, name, ocispec.ImageConfig{}, files)
}

// Entrypoint writes an image that runs the program, with these arguments unless
// the container has others.
func Entrypoint(w io.Writer, name, file string, args ...string) error {
	return programs(w, name, ocispec.ImageConfig{Entrypoint: []string{"/bin/" + filepath.Base(file)}, Cmd: args}, []string{file})
}

func programs(w io.Writer, name string, config ocispec.ImageConfig, files []string) error {
	config.Env = []string{"PATH=/bin"}
	entries := []build.Entry{
		{Name: "bin", Dir: true, Mode: 0o755}, {Name: "tmp", Dir: true, Mode: 0o1777}, {Name: "etc", Dir: true, Mode: 0o755},
		{Name: "etc/passwd", Mode: 0o644, Body: []byte("root:x:0:0:root:/:/\nnobody:x:65534:65534:nobody:/:/\n")},
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("build image %s: %w", name, err)
		}
		entries = append(entries, build.Entry{Name: "bin/" + filepath.Base(file), Mode: 0o755, Body: body})
	}
	image := build.Image{
		Names: []string{name}, Architecture: runtime.GOARCH, Layers: [][]build.Entry{entries},
		Config: config,
	}
	return image.Write(w)
}
