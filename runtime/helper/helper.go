// Package helper carries the pod helper, a small static C program that is each
// pod's pause process and shim, and hands it out as a sealed memfd: a file that
// nothing, not even root in a container, can overwrite (CVE-2019-5736).
package helper

import (
	"embed"
	"fmt"
	"os"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

//go:generate ./build.sh

//go:embed all:built
var built embed.FS

// File returns the helper as an open executable, the same for the whole life
// of the program. The caller does not close it.
var File = sync.OnceValues(open)

func open() (*os.File, error) {
	name := "built/helper-" + runtime.GOARCH
	data, err := built.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("open pod helper: this program was built without %s: run runtime/helper/build.sh and build again: %w", name, err)
	}
	fd, err := unix.MemfdCreate("minke-pod", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|unix.MFD_EXEC)
	if err == unix.EINVAL { // kernels before 6.3 know no MFD_EXEC
		fd, err = unix.MemfdCreate("minke-pod", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	}
	if err != nil {
		return nil, fmt.Errorf("open pod helper: memfd: %w", err)
	}
	// Its number must not be among those that a child's files are put at.
	high, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 64)
	unix.Close(fd)
	if err != nil {
		return nil, fmt.Errorf("open pod helper: %w", err)
	}
	fd = high
	file := os.NewFile(uintptr(fd), "minke-pod")
	if _, err := file.Write(data); err != nil {
		file.Close()
		return nil, fmt.Errorf("open pod helper: write: %w", err)
	}
	const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		file.Close()
		return nil, fmt.Errorf("open pod helper: seal: %w", err)
	}
	return file, nil
}
