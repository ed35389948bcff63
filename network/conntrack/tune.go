package conntrack

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// How the kernel tracks connections on a node, as kube-proxy has it by default.
const (
	establishedTimeout = 24 * 60 * 60 // seconds; the kernel's five days fill the table with what is long dead
	closeWaitTimeout   = 60 * 60      // seconds; after the kernel's minute a server's late FIN would not find its client
	perCPU             = 32 << 10
	fewest             = 128 << 10
	most               = 1 << 20
)

// Tune sets up the tracking of connections in the calling thread's network
// namespace. The table is the machine's: it is only ever made larger, and by
// who may, which are the threads of the first namespace.
func Tune() error {
	dir := "/proc/sys/net/netfilter/nf_conntrack_"
	n := entries(runtime.NumCPU())
	return errors.Join(
		write(dir+"tcp_timeout_established", establishedTimeout),
		write(dir+"tcp_timeout_close_wait", closeWaitTimeout),
		ignoreForbidden(raise(dir+"max", n)),
		ignoreForbidden(raise("/sys/module/nf_conntrack/parameters/hashsize", n/4)),
	)
}

func entries(cpus int) int { return min(max(cpus*perCPU, fewest), most) }

func read(path string) (int, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("tune connection tracking: %w", err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return 0, fmt.Errorf("tune connection tracking: %s: %w", path, err)
	}
	return n, nil
}

// write leaves what is right alone, since the file may be read-only then.
func write(path string, value int) error {
	if n, err := read(path); err != nil || n == value {
		return err
	}
	if err := os.WriteFile(path, []byte(strconv.Itoa(value)), 0o644); err != nil {
		return fmt.Errorf("tune connection tracking: %w", err)
	}
	return nil
}

func raise(path string, least int) error {
	if n, err := read(path); err != nil || n >= least {
		return err
	}
	return write(path, least)
}

// ignoreForbidden takes what a namespace other than the first is told.
func ignoreForbidden(err error) error {
	for _, forbidden := range []error{fs.ErrPermission, fs.ErrNotExist, unix.EROFS, unix.EOPNOTSUPP} {
		if errors.Is(err, forbidden) {
			return nil
		}
	}
	return err
}
