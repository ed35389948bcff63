//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// TestServerAndAgent runs the production roles as on two hosts: two network
// namespaces joined by a cable, a server in one, a node in the other.
func TestServerAndAgent(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	t.Cleanup(func() { removeCgroups(t, "minke") })
	one, two := host(t, "one"), host(t, "two")
	cable(t, one, two)
	dir := t.TempDir()
	data := filepath.Join(dir, "server")
	role(t, one, "The API is ready", minke(), "server", "--data-dir", data, "--advertise-address", "10.9.0.1")
	join := filepath.Join(dir, "join.yaml")
	if err := os.WriteFile(join, []byte(run(t, minke(), "server", "join", "worker", "--data-dir", data, "--address", "10.9.0.2")), 0o600); err != nil {
		t.Fatal(err)
	}
	role(t, two, "ready", "unshare", "--mount", minke(), "agent", "--join", join,
		"--data-dir", filepath.Join(dir, "agent"), "--run-dir", filepath.Join(dir, "run"))

	inside := func(args ...string) string {
		return run(t, "nsenter", append([]string{"--net=" + one, minke(), "kubectl", "--kubeconfig", filepath.Join(data, "kubeconfig")}, args...)...)
	}
	inside("apply", "-f", "../../examples/hello/hello.yaml")
	inside("rollout", "status", "deploy/hello", "--timeout=60s")
	if page := inside("exec", "deploy/hello", "--", "wget", "-q", "-O", "-", "http://hello/"); !strings.Contains(page, "node: worker") {
		t.Errorf("the page is %q", page)
	}
	inside("delete", "-f", "../../examples/hello/hello.yaml", "--wait=true")
	inside("wait", "--for=delete", "pod", "-l", "app=hello", "--timeout=60s")
}

// host makes a network namespace and returns the file that keeps it.
func host(t *testing.T, name string) string {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	home, err := netns.Get()
	if err != nil {
		t.Fatal(err)
	}
	defer home.Close()
	name = fmt.Sprintf("minke-e2e-%s-%d", name, os.Getpid())
	ns, err := netns.NewNamed(name)
	if err != nil {
		t.Fatal(err)
	}
	ns.Close()
	t.Cleanup(func() {
		if err := netns.DeleteNamed(name); err != nil {
			t.Error(err)
		}
	})
	if err := netns.Set(home); err != nil {
		t.Fatal(err)
	}
	return "/run/netns/" + name
}

// cable joins two hosts: 10.9.0.1 and 10.9.0.2.
func cable(t *testing.T, one, two string) {
	t.Helper()
	ends := make([]*netlink.Handle, 2)
	spaces := make([]netns.NsHandle, 2)
	for i, file := range []string{one, two} {
		ns, err := netns.GetFromPath(file)
		if err != nil {
			t.Fatal(err)
		}
		defer ns.Close()
		if ends[i], err = netlink.NewHandleAt(ns); err != nil {
			t.Fatal(err)
		}
		defer ends[i].Close()
		spaces[i] = ns
	}
	veth := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "eth0"}, PeerName: "eth0", PeerNamespace: netlink.NsFd(spaces[1])}
	if err := ends[0].LinkAdd(veth); err != nil {
		t.Fatal(err)
	}
	for i, end := range ends {
		for _, name := range []string{"lo", "eth0"} {
			link, err := end.LinkByName(name)
			if err != nil {
				t.Fatal(err)
			}
			if err := end.LinkSetUp(link); err != nil {
				t.Fatal(err)
			}
			if name == "lo" {
				continue
			}
			address := &net.IPNet{IP: net.IPv4(10, 9, 0, byte(1+i)), Mask: net.CIDRMask(24, 32)}
			if err := end.AddrAdd(link, &netlink.Addr{IPNet: address}); err != nil {
				t.Fatal(err)
			}
			gateway := &netlink.Route{LinkIndex: link.Attrs().Index, Gw: net.IPv4(10, 9, 0, byte(2-i))}
			if err := end.RouteAdd(gateway); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// role runs a role of Minke on a host until the test ends, and returns when it
// has said that it is ready.
func role(t *testing.T, host, ready, program string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "nsenter", append([]string{"--net=" + host, program}, args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // ended by the signal
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), ready) {
			return
		}
	}
	t.Fatalf("%s %s ended before it was ready: %v", program, strings.Join(args, " "), lines.Err())
}

// removeCgroups removes a group and its empty children from every hierarchy.
func removeCgroups(t *testing.T, group string) {
	t.Helper()
	roots, err := filepath.Glob("/sys/fs/cgroup/*/" + group)
	if err != nil {
		t.Fatal(err)
	}
	for _, root := range append(roots, "/sys/fs/cgroup/"+group) {
		var dirs []string
		err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				dirs = append(dirs, path)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		for i := range dirs {
			if err := os.Remove(dirs[len(dirs)-1-i]); err != nil {
				t.Error(err)
			}
		}
	}
}
