package helper

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// CVE-2019-5736: not even root can write to the program that enters containers.
func TestCVE20195736_Sealed(t *testing.T) {
	f, err := File()
	if err != nil {
		t.Skip(err) // built without the helper
	}
	const want = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	if seals, err := unix.FcntlInt(f.Fd(), unix.F_GET_SEALS, 0); err != nil || seals&want != want {
		t.Errorf("seals %#x, %v", seals, err)
	}
	if _, err := f.WriteAt([]byte("evil"), 0); !errors.Is(err, unix.EPERM) {
		t.Errorf("write: %v, want %v", err, unix.EPERM)
	}
	// As a container would try it, through /proc/<pid>/exe.
	again, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), os.O_RDWR, 0)
	if err == nil {
		defer again.Close()
		if _, err := again.Write([]byte("evil")); !errors.Is(err, unix.EPERM) {
			t.Errorf("write through another descriptor: %v, want %v", err, unix.EPERM)
		}
	}
	if err := unix.Ftruncate(int(f.Fd()), 0); err != unix.EPERM {
		t.Errorf("truncate: %v, want %v", err, unix.EPERM)
	}
}
