package shim

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// The kinds of messages, as in helper.h.
const (
	msgStart      = 1
	msgExec       = 2
	msgKill       = 3
	msgKillExec   = 4
	msgReopen     = 5
	msgAttach     = 6
	msgCloseStdin = 7
	msgSocket     = 8
	msgQuit       = 9
	msgHello      = 10
	msgReply      = 100
	msgExit       = 101
	msgExecExit   = 102
)

const (
	idSize  = 72
	headLen = 4 + 4 + 3*8 + 2*idSize
	maxText = 2048
	maxFDs  = 6
)

// message is struct msg of helper.h.
type message struct {
	Type, Seq uint32
	A, B, C   int64
	ID, Ref   string
	Text      string
	Files     []*os.File // of a received message; its receiver closes them
}

func (m *message) encode() ([]byte, error) {
	if len(m.ID) >= idSize || len(m.Ref) >= idSize {
		return nil, fmt.Errorf("id %q is too long", m.ID)
	}
	b := make([]byte, headLen)
	le := binary.LittleEndian
	le.PutUint32(b[0:], m.Type)
	le.PutUint32(b[4:], m.Seq)
	le.PutUint64(b[8:], uint64(m.A))
	le.PutUint64(b[16:], uint64(m.B))
	le.PutUint64(b[24:], uint64(m.C))
	copy(b[32:], m.ID)
	copy(b[32+idSize:], m.Ref)
	return b, nil
}

func cString(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

func decode(b []byte) (*message, error) {
	if len(b) < headLen {
		return nil, fmt.Errorf("message of %d bytes is too short", len(b))
	}
	le := binary.LittleEndian
	return &message{
		Type: le.Uint32(b[0:]), Seq: le.Uint32(b[4:]),
		A: int64(le.Uint64(b[8:])), B: int64(le.Uint64(b[16:])), C: int64(le.Uint64(b[24:])),
		ID: cString(b[32 : 32+idSize]), Ref: cString(b[32+idSize : headLen]), Text: string(b[headLen:]),
	}, nil
}

// received turns control data into files.
func received(oob []byte) ([]*os.File, error) {
	if len(oob) == 0 {
		return nil, nil
	}
	controls, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, err
	}
	var files []*os.File
	for i := range controls {
		fds, err := unix.ParseUnixRights(&controls[i])
		if err != nil {
			return files, err
		}
		for _, fd := range fds {
			unix.CloseOnExec(fd)
			// A descriptor that can block would take a thread while it does.
			if err := unix.SetNonblock(fd, true); err != nil {
				return files, err
			}
			files = append(files, os.NewFile(uintptr(fd), "received"))
		}
	}
	return files, nil
}
