//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
)

// traces lists all that a cluster could leave on the host: interfaces, nftables
// tables, mounts, processes, cgroups, files.
func traces(t testing.TB, c *Cluster) []string {
	t.Helper()
	var lines []string
	links, err := netlink.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		lines = append(lines, "interface "+l.Attrs().Name)
	}
	nft, err := nftables.New()
	if err != nil {
		t.Fatal(err)
	}
	tables, err := nft.ListTables()
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		lines = append(lines, "table "+table.Name)
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, c.Name) {
			lines = append(lines, "mount "+line)
		}
	}
	for _, pattern := range []string{"/run/minke/" + c.Name + "*", c.Data, "/sys/fs/cgroup/*/*" + c.Name + "*", "/sys/fs/cgroup/*" + c.Name + "*"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			lines = append(lines, "file "+f)
		}
	}
	return append(lines, processes(t, c.Name)...)
}

// processes lists the processes that speak of the cluster in their command
// line, their cgroup or their mounts.
func processes(t testing.TB, cluster string) []string {
	t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, dir := range dirs {
		if dir == fmt.Sprintf("/proc/%d", os.Getpid()) {
			continue
		}
		for _, file := range []string{"cmdline", "cgroup", "mountinfo"} {
			// A process may end at any moment; then there is nothing to read.
			data, err := os.ReadFile(filepath.Join(dir, file))
			if err == nil && strings.Contains(string(data), cluster) {
				found = append(found, "process "+dir+" "+file)
			}
		}
	}
	return found
}
