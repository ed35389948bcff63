// Command pack makes the toolbox's image, an OCI archive, out of its two
// programs: pack TOOLBOX TINY OUTPUT.
package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"minke/runtime/image/build"
)

// tiny's names: what waits or does nothing should not carry a runtime.
var tiny = []string{"sleep", "true", "false", "pause"}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: pack TOOLBOX TINY OUTPUT")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "pack:", err)
		os.Exit(1)
	}
}

func run(toolbox, tinyFile, output string) error {
	big, err := os.ReadFile(toolbox)
	if err != nil {
		return err
	}
	small, err := os.ReadFile(tinyFile)
	if err != nil {
		return err
	}
	list, err := exec.Command(toolbox, "toolbox", "--list").Output()
	if err != nil {
		return fmt.Errorf("list applets: %w", err)
	}
	files := entries(big, small, strings.Fields(string(list)))
	arch := os.Getenv("ARCH")
	if arch == "" {
		arch = runtime.GOARCH
	}
	image := build.Image{
		Names:        []string{"minke.local/toolbox:latest", "docker.io/library/toolbox:latest"},
		Architecture: arch,
		Config: ocispec.ImageConfig{
			Cmd: []string{"/bin/httpd"}, Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
			ExposedPorts: map[string]struct{}{"8080/tcp": {}},
		},
		Layers: [][]build.Entry{files},
	}
	var b bytes.Buffer
	if err := image.Write(&b); err != nil {
		return err
	}
	return os.WriteFile(output, b.Bytes(), 0o644)
}

func entries(big, small []byte, names []string) []build.Entry {
	dir := func(name string, mode int64) build.Entry { return build.Entry{Name: name, Dir: true, Mode: mode} }
	list := []build.Entry{
		dir("bin", 0o755), dir("etc", 0o755), dir("root", 0o700), dir("tmp", 0o1777), dir("var", 0o755), dir("var/run", 0o755),
		dir("usr", 0o755), dir("usr/bin", 0o755), dir("home", 0o755), dir("proc", 0o555), dir("sys", 0o555), dir("dev", 0o755), dir("www", 0o755),
		{Name: "etc/passwd", Mode: 0o644, Body: []byte("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n")},
		{Name: "etc/group", Mode: 0o644, Body: []byte("root:x:0:\ntty:x:5:\nnogroup:x:65534:\n")},
		{Name: "etc/nsswitch.conf", Mode: 0o644, Body: []byte("hosts: files dns\n")},
		{Name: "bin/toolbox", Mode: 0o755, Body: big},
		{Name: "bin/sleep", Mode: 0o755, Body: small},
	}
	is := map[string]bool{"toolbox": true, "sleep": true}
	for _, n := range tiny[1:] {
		list = append(list, build.Entry{Name: "bin/" + n, HardLink: "bin/sleep"})
		is[n] = true
	}
	for _, n := range names {
		if !is[n] {
			list = append(list, build.Entry{Name: "bin/" + n, HardLink: "bin/toolbox"})
		}
	}
	return append(list, build.Entry{Name: "usr/bin/env", HardLink: "bin/toolbox"})
}
