package h2

import (
	"bytes"
	"io"
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// pair returns both ends of a connection, the first as Listener gives it.
func pair(t *testing.T) (*socket, net.Conn) {
	t.Helper()
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := Listener(plain)
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return server.(*socket), client
}

func (s *socket) info(t *testing.T) *unix.TCPInfo {
	t.Helper()
	var info *unix.TCPInfo
	var err error
	if ctl := s.raw.Control(func(fd uintptr) { info, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO) }); ctl != nil || err != nil {
		t.Fatal(ctl, err)
	}
	return info
}

// The records of one write leave in one packet, and none stays behind.
func TestRecordsGoTogether(t *testing.T) {
	for _, tc := range []struct {
		name      string
		eager     bool
		announced int
		packets   uint32
	}{
		{"not announced", false, 0, 3},
		{"announced", false, 3 * maxRecord, 1},
		{"announced, and nobody may wait", true, 3 * maxRecord, 1},
		{"fewer announced than come", false, 2 * maxRecord, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, client := pair(t)
			before := s.info(t).Data_segs_out
			if tc.eager {
				s.hurry()
			}
			s.announce(tc.announced)
			var sent []byte
			for i := range 3 {
				record := bytes.Repeat([]byte{byte('a' + i)}, maxRecord/2) // loopback has packets for three of these
				sent = append(sent, record...)
				if n, err := s.Write(record); n != len(record) || err != nil {
					t.Fatal(n, err)
				}
			}
			if left := s.info(t).Notsent_bytes; left != 0 {
				t.Errorf("%d bytes wait in the socket for more", left)
			}
			if got := s.info(t).Data_segs_out - before; got != tc.packets {
				t.Errorf("%d packets, want %d", got, tc.packets)
			}
			got := make([]byte, len(sent))
			if _, err := io.ReadFull(client, got); err != nil || !bytes.Equal(got, sent) {
				t.Errorf("what was sent did not arrive: %v", err)
			}
		})
	}
}
