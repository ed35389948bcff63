package local

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/vishvananda/netlink"
)

func TestParsePublish(t *testing.T) {
	tests := []struct {
		in   string
		want Publish
		ok   bool
	}{
		{"8080:80", Publish{8080, 80}, true},
		{"8080", Publish{}, false},
		{"0:80", Publish{}, false},
		{"8080:65536", Publish{}, false},
		{"a:80", Publish{}, false},
	}
	for _, tt := range tests {
		got, err := ParsePublish(tt.in)
		if got != tt.want || (err == nil) != tt.ok {
			t.Errorf("ParsePublish(%q) = %v, %v; want %v, ok %v", tt.in, got, err, tt.want, tt.ok)
		}
	}
}

func TestPathsRefuseNames(t *testing.T) {
	for _, name := range []string{"", "A", "a/b", "..", "-a", "a-", "a b"} {
		if _, err := PathsOf(name, ""); err == nil {
			t.Errorf("PathsOf(%q) succeeded", name)
		}
	}
}

// TestWire makes the network of a cluster of two nodes, speaks from one to the
// other, and takes it down: nothing may be left.
func TestWire(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	name := fmt.Sprintf("wiretest-%d", os.Getpid())
	o := Options{Name: name, DataDir: t.TempDir(), Nodes: 2}
	p, err := PathsOf(name, o.DataDir)
	if err != nil {
		t.Fatal(err)
	}
	before := linkNames(t)
	t.Cleanup(func() {
		if err := Down(name, "", t.Output()); err != nil {
			t.Error(err)
		}
		if after := linkNames(t); after != before {
			t.Errorf("links on the host: %s before, %s after", before, after)
		}
		for _, path := range []string{p.Run, p.Run + ".data", p.Data} {
			if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s is left: %v", path, err)
			}
		}
	})
	unlock, err := lock(p, o)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	spec, err := p.wanted(o)
	if err != nil {
		t.Fatal(err)
	}
	// Twice: the second call must find everything done.
	for range 2 {
		if err := prepare(p, spec); err != nil {
			t.Fatal(err)
		}
	}
	var l net.Listener
	inNode(t, p, 2, func() (err error) {
		l, err = net.Listen("tcp", fmt.Sprintf("%s:7000", NodeIP(2)))
		return err
	})
	defer l.Close()
	inNode(t, p, 1, func() error {
		c, err := net.Dial("tcp", fmt.Sprintf("%s:7000", NodeIP(2)))
		if err != nil {
			return err
		}
		return c.Close()
	})
}

func inNode(t *testing.T, p Paths, i int, f func() error) {
	t.Helper()
	err := inThread(func() error {
		if err := enter(filepath.Join(p.NodeRun(NodeName(i)), "net"), ""); err != nil {
			return err
		}
		return f()
	})
	if err != nil {
		t.Fatal(err)
	}
}

func linkNames(t *testing.T) string {
	t.Helper()
	links, err := netlink.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, l := range links {
		names = append(names, l.Attrs().Name)
	}
	return fmt.Sprint(names)
}
