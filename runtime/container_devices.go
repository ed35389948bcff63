package runtime

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	devices "github.com/opencontainers/cgroups/devices/config"
	"golang.org/x/sys/unix"

	"minke/runtime/plan"
)

// nodes are every container's devices.
var nodes = []struct {
	path         string
	major, minor uint32
}{
	{"/dev/null", 1, 3}, {"/dev/zero", 1, 5}, {"/dev/full", 1, 7},
	{"/dev/random", 1, 8}, {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0},
}

func planDevices(p *plan.Plan, c *container) {
	for _, n := range nodes {
		p.AddNumbers(plan.Device, unix.S_IFCHR|0o666, unix.Mkdev(n.major, n.minor), 0, n.path)
	}
	for _, l := range [][2]string{
		{"/proc/self/fd", "/dev/fd"}, {"/proc/self/fd/0", "/dev/stdin"}, {"/proc/self/fd/1", "/dev/stdout"},
		{"/proc/self/fd/2", "/dev/stderr"}, {"/proc/kcore", "/dev/core"}, {"pts/ptmx", "/dev/ptmx"},
	} {
		p.Add(plan.Symlink, l[0], l[1])
	}
	for _, d := range c.hostDevices() {
		p.AddNumbers(plan.Device, uint64(d.mode), d.rdev, uint64(d.uid)<<32|uint64(d.gid), d.path)
	}
}

type hostDevice struct {
	path     string
	mode     uint32
	rdev     uint64
	uid, gid uint32
	access   string
}

// hostDevices are those that the pod asked for, or all when it is privileged.
// One that vanishes meanwhile is left out; deviceRules reports one that was
// asked for and is not there.
func (c *container) hostDevices() []hostDevice {
	if c.privileged() {
		return allDevices()
	}
	var list []hostDevice
	for _, d := range c.config.GetDevices() {
		found, err := deviceTree(d.GetHostPath(), d.GetContainerPath(), d.GetPermissions())
		if err == nil {
			list = append(list, found...)
		}
	}
	return list
}

func statDevice(host, path, access string) (hostDevice, bool) {
	var st unix.Stat_t
	if err := unix.Stat(host, &st); err != nil {
		return hostDevice{}, false
	}
	kind := st.Mode & unix.S_IFMT
	return hostDevice{path, st.Mode, uint64(st.Rdev), st.Uid, st.Gid, access}, kind == unix.S_IFCHR || kind == unix.S_IFBLK
}

// deviceTree is the device, or every device beneath a directory.
func deviceTree(host, path, access string) ([]hostDevice, error) {
	if d, ok := statDevice(host, path, access); ok {
		return []hostDevice{d}, nil
	}
	var list []hostDevice
	err := filepath.WalkDir(host, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() && name != host {
			switch e.Name() {
			case "pts", "shm", "fd", "mqueue":
				return fs.SkipDir
			}
		}
		if e.Type()&fs.ModeDevice == 0 || e.Name() == "console" {
			return nil
		}
		if d, ok := statDevice(name, path+strings.TrimPrefix(name, host), access); ok {
			list = append(list, d)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("device %s: %w", host, err)
	}
	return list, nil
}

func allDevices() []hostDevice {
	list, err := deviceTree("/dev", "/dev", "rwm")
	if err != nil {
		return nil
	}
	out := list[:0]
	for _, d := range list {
		if d.path != "/dev/ptmx" { // the container's own
			out = append(out, d)
		}
	}
	return out
}

// deviceRules say which devices may be used whatever nodes are made.
func deviceRules(c *container) ([]*devices.Rule, error) {
	if c.privileged() {
		return []*devices.Rule{{Type: devices.WildcardDevice, Major: devices.Wildcard, Minor: devices.Wildcard, Permissions: "rwm", Allow: true}}, nil
	}
	rule := func(t devices.Type, major, minor int64, access string) *devices.Rule {
		return &devices.Rule{Type: t, Major: major, Minor: minor, Permissions: devices.Permissions(access), Allow: true}
	}
	rules := []*devices.Rule{
		{Type: devices.WildcardDevice, Major: devices.Wildcard, Minor: devices.Wildcard, Permissions: "rwm", Allow: false},
		rule(devices.CharDevice, devices.Wildcard, devices.Wildcard, "m"),
		rule(devices.BlockDevice, devices.Wildcard, devices.Wildcard, "m"),
		rule(devices.CharDevice, 5, 1, "rwm"),                  // console
		rule(devices.CharDevice, 5, 2, "rwm"),                  // ptmx
		rule(devices.CharDevice, 136, devices.Wildcard, "rwm"), // pts
	}
	for _, n := range nodes {
		rules = append(rules, rule(devices.CharDevice, int64(n.major), int64(n.minor), "rwm"))
	}
	for _, d := range c.config.GetDevices() {
		found, err := deviceTree(d.GetHostPath(), d.GetContainerPath(), d.GetPermissions())
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			t := devices.CharDevice
			if f.mode&unix.S_IFMT == unix.S_IFBLK {
				t = devices.BlockDevice
			}
			rules = append(rules, rule(t, int64(unix.Major(f.rdev)), int64(unix.Minor(f.rdev)), f.access))
		}
	}
	return rules, nil
}
