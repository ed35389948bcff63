// Package toolbox carries the toolbox's image, which a node imports at its
// start when it is missing.
package toolbox

import (
	"embed"
	"fmt"
	"io"
	"runtime"
)

//go:generate ../../cmd/toolbox/build.sh

//go:embed all:built
var built embed.FS

// Name is the image's.
const Name = "minke.local/toolbox:latest"

// Archive returns the image as an OCI archive.
func Archive() (io.Reader, error) {
	name := "built/toolbox-" + runtime.GOARCH + ".tar"
	// Opened, not read: the archive stays in the program's file.
	archive, err := built.Open(name)
	if err != nil {
		return nil, fmt.Errorf("toolbox: this program was built without %s: run cmd/toolbox/build.sh and build again: %w", name, err)
	}
	return archive, nil
}
