package runtime

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func bindShared(dir string) error {
	return errors.Join(unix.Mount(dir, dir, "", unix.MS_BIND, ""), unix.Mount("", dir, "", unix.MS_SHARED, ""))
}

func tmpfsWithFile(dir string) error {
	return errors.Join(unix.Mount("tmpfs", dir, "tmpfs", 0, ""), os.WriteFile(dir+"/f", nil, 0o644))
}

func unmountAll(t *testing.T, dir string) {
	for _, d := range []string{dir + "/sub", dir} {
		if err := unix.Unmount(d, unix.MNT_DETACH); err != nil && err != unix.EINVAL {
			t.Error(err)
		}
	}
}
