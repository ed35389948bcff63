// Package plan writes what the pod helper is to do as a list of records that
// the helper reads without parsing text. The numbers are the protocol with
// helper.h, where each operation's fields are described.
//
// A record, little endian: u16 operation, u16 number of strings, u32 size of
// the record, u64 a, b, c, then the strings: u32 length, bytes, a NUL.
package plan

import (
	"encoding/binary"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Op is what a record asks for.
type Op uint16

// The operations, as in helper.h.
const (
	Cgroup Op = 1 + iota
	Overlay
	Mount
	Bind
	Device
	Symlink
	Mkdir
	Mask
	ReadOnly
	RootReadOnly
	User
	Group
	Caps
	NoNewPrivs
	Seccomp
	Rlimit
	OOMScore
	Cwd
	Env
	Argv
	Sysctl
	Hostname
	Unshare
	NetNS
	Shm
	Pause
	Image
)

// Bits of Bind.
const (
	BindRecursive = 1
	BindOptional  = 2
	BindTopOnly   = 4 // attributes are not for mounts beneath
)

// Plan collects records.
type Plan struct {
	data []byte
	err  error
}

// Add appends a record with strings only.
func (p *Plan) Add(op Op, s ...string) { p.AddNumbers(op, 0, 0, 0, s...) }

// AddNumbers appends a record.
func (p *Plan) AddNumbers(op Op, a, b, c uint64, s ...string) {
	size := 32
	for _, v := range s {
		size += 4 + len(v) + 1
		// A NUL would cut the text for the kernel, but not for whoever checked it.
		if strings.IndexByte(v, 0) >= 0 && op != Seccomp {
			p.err = fmt.Errorf("plan: %q has a zero byte", v)
		}
	}
	if len(s) > 1<<16-1 {
		p.err = fmt.Errorf("plan: %d strings in one record", len(s))
	}
	le := binary.LittleEndian
	p.data = le.AppendUint16(p.data, uint16(op))
	p.data = le.AppendUint16(p.data, uint16(len(s)))
	p.data = le.AppendUint32(p.data, uint32(size))
	p.data = le.AppendUint64(p.data, a)
	p.data = le.AppendUint64(p.data, b)
	p.data = le.AppendUint64(p.data, c)
	for _, v := range s {
		p.data = le.AppendUint32(p.data, uint32(len(v)))
		p.data = append(p.data, v...)
		p.data = append(p.data, 0)
	}
}

// File returns the plan in an anonymous file, which the caller closes.
func (p *Plan) File() (*os.File, error) {
	if p.err != nil {
		return nil, p.err
	}
	fd, err := unix.MemfdCreate("plan", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("plan: memfd: %w", err)
	}
	f := os.NewFile(uintptr(fd), "plan")
	if _, err := f.Write(p.data); err != nil {
		f.Close()
		return nil, fmt.Errorf("plan: write: %w", err)
	}
	return f, nil
}
