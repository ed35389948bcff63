// Package images builds the images that tests use besides the toolbox.
package images

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"minke/runtime/image/build"
)

// Busybox writes an image of a static busybox (Debian's busybox-static puts one
// at /bin/busybox): each applet a hard link in /bin, users root, www-data and
// nobody.
func Busybox(w io.Writer, program string, names ...string) error {
	body, err := os.ReadFile(program)
	if err != nil {
		return fmt.Errorf("build busybox image: %w", err)
	}
	list, err := exec.Command(program, "--list").Output()
	if err != nil {
		return fmt.Errorf("build busybox image: list applets: %w", err)
	}
	dir := func(name string, mode int64) build.Entry { return build.Entry{Name: name, Dir: true, Mode: mode} }
	entries := []build.Entry{
		dir("bin", 0o755), dir("etc", 0o755), dir("root", 0o700), dir("tmp", 0o1777), dir("var", 0o755), dir("var/run", 0o755), dir("home", 0o755),
		{Name: "etc/passwd", Mode: 0o644, Body: []byte("root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33:www-data:/var/www:/bin/false\nnobody:x:65534:65534:nobody:/home:/bin/false\n")},
		{Name: "etc/group", Mode: 0o644, Body: []byte("root:x:0:\ntty:x:5:\nwww-data:x:33:\nnogroup:x:65534:\n")},
		{Name: "bin/busybox", Mode: 0o755, Body: body},
	}
	for _, applet := range strings.Fields(string(list)) {
		if applet != "busybox" {
			entries = append(entries, build.Entry{Name: "bin/" + applet, HardLink: "bin/busybox"})
		}
	}
	image := build.Image{
		Names: names, Architecture: runtime.GOARCH, Layers: [][]build.Entry{entries},
		Config: ocispec.ImageConfig{Cmd: []string{"sh"}, Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}},
	}
	return image.Write(w)
}
