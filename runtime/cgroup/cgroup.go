// Package cgroup keeps the control groups of containers, on cgroup v1 (also
// hybrid) and v2, with the cgroupfs driver.
package cgroup

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/opencontainers/cgroups"
	_ "github.com/opencontainers/cgroups/devices" // sets device rules
	"github.com/opencontainers/cgroups/fs"
	"github.com/opencontainers/cgroups/fs2"
	"golang.org/x/sys/unix"
)

// Hierarchy is a mounted cgroup v1 hierarchy.
type Hierarchy struct {
	Mountpoint  string
	Controllers []string // "name=systemd" for a named one
}

// controllers are those that a container gets a group of its own in. A group
// in each further hierarchy would cost time and limit nothing.
var controllers = []string{"cpu", "cpuacct", "cpuset", "memory", "devices", "pids", "hugetlb"}

// V2 tells whether the machine has the unified hierarchy only.
func V2() bool { return cgroups.IsCgroup2UnifiedMode() }

// Hierarchies lists the machine's v1 hierarchies; none on v2.
var Hierarchies = sync.OnceValues(readHierarchies)

func readHierarchies() ([]Hierarchy, error) {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("cgroup hierarchies: %w", err)
	}
	var found []Hierarchy
	seen := map[string]bool{}
	for s := bufio.NewScanner(bytes.NewReader(data)); s.Scan(); {
		before, after, ok := strings.Cut(s.Text(), " - ")
		fields, tail := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 5 || len(tail) < 3 || tail[0] != "cgroup" {
			continue
		}
		h := Hierarchy{Mountpoint: fields[4]}
		for _, option := range strings.Split(tail[2], ",") {
			switch option {
			case "rw", "ro", "relatime", "xattr", "noprefix", "clone_children":
			default:
				h.Controllers = append(h.Controllers, option)
			}
		}
		key := strings.Join(h.Controllers, ",")
		if len(h.Controllers) > 0 && !seen[key] {
			seen[key] = true
			found = append(found, h)
		}
	}
	return found, nil
}

// Group is one container's control group.
type Group struct {
	path    string
	manager cgroups.Manager
}

// Open describes the group at path, absolute within the hierarchies. It makes
// nothing yet.
func Open(path string, r *cgroups.Resources) (*Group, error) {
	path = filepath.Clean("/" + path)
	config := &cgroups.Cgroup{Path: path, Resources: r}
	var m cgroups.Manager
	var err error
	if V2() {
		m, err = fs2.NewManager(config, filepath.Join("/sys/fs/cgroup", path))
	} else {
		var paths map[string]string
		if paths, err = v1Paths(path); err == nil {
			m, err = fs.NewManager(config, paths)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("cgroup %s: %w", path, err)
	}
	return &Group{path: path, manager: m}, nil
}

func v1Paths(path string) (map[string]string, error) {
	all, err := Hierarchies()
	if err != nil {
		return nil, err
	}
	paths := map[string]string{}
	for _, h := range all {
		for _, c := range h.Controllers {
			if slices.Contains(controllers, c) {
				paths[c] = filepath.Join(h.Mountpoint, path)
			}
		}
	}
	if paths["devices"] == "" {
		return nil, errors.New("the devices controller is not mounted")
	}
	return paths, nil
}

// Create makes the group and sets its limits.
func (g *Group) Create(r *cgroups.Resources) error {
	if err := g.manager.Apply(-1); err != nil {
		return fmt.Errorf("cgroup %s: create: %w", g.path, err)
	}
	return g.Set(r)
}

// Set changes the limits.
func (g *Group) Set(r *cgroups.Resources) error {
	if err := g.manager.Set(r); err != nil {
		return fmt.Errorf("cgroup %s: set limits: %w", g.path, err)
	}
	return nil
}

// JoinFiles are the files into which a process writes "0" to become a member.
// On v1 the file is tasks, which moves one thread and spares a global lock.
func (g *Group) JoinFiles() []string {
	if V2() {
		return []string{filepath.Join(g.manager.Path(""), "cgroup.procs")}
	}
	var files []string
	for _, dir := range g.manager.GetPaths() {
		file := filepath.Join(dir, "tasks")
		if !slices.Contains(files, file) {
			files = append(files, file)
		}
	}
	slices.Sort(files)
	return files
}

// Directory opens the group on v2, to start a process right in it; nil on v1.
func (g *Group) Directory() (*os.File, error) {
	if !V2() {
		return nil, nil
	}
	return os.OpenFile(g.manager.Path(""), unix.O_PATH|unix.O_DIRECTORY, 0)
}

// Kill ends every process in the group. It may have to be called again while
// the group's processes still make new ones.
func (g *Group) Kill() error {
	if V2() {
		err := os.WriteFile(filepath.Join(g.manager.Path(""), "cgroup.kill"), []byte("1"), 0)
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		return err
	}
	// Every v1 group is in the devices hierarchy (v1Paths), whatever others the
	// machine has.
	data, err := os.ReadFile(filepath.Join(g.manager.Path("devices"), "cgroup.procs"))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ENODEV) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cgroup %s: list processes: %w", g.path, err)
	}
	for _, line := range strings.Fields(string(data)) {
		if pid, err := strconv.Atoi(line); err == nil && pid > 0 {
			g.killMember(pid)
		}
	}
	return nil
}

// killMember takes hold of the process first and looks once more whether it is
// a member, so that a number that was given to another process harms nobody.
func (g *Group) killMember(pid int) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return // it is gone
	}
	defer unix.Close(fd)
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err == nil && strings.Contains(string(data), g.path+"\n") {
		_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
	}
}

// Empty tells whether no process is left.
func (g *Group) Empty() bool {
	pids, err := g.manager.GetAllPids()
	return err != nil || len(pids) == 0
}

// Processes counts the group's processes.
func (g *Group) Processes() int {
	pids, err := g.manager.GetAllPids()
	if err != nil {
		return 0 // it is gone
	}
	return len(pids)
}

// Destroy removes the group, which must be empty.
func (g *Group) Destroy() error {
	if err := g.manager.Destroy(); err != nil {
		return fmt.Errorf("cgroup %s: remove: %w", g.path, err)
	}
	return nil
}

// OOMKills counts the processes that the kernel ended for want of memory.
func (g *Group) OOMKills() uint64 {
	n, err := g.manager.OOMKillCount()
	if err != nil {
		return 0 // the group is gone, or the controller is not there
	}
	return n
}

// Stats reads the group's use.
func (g *Group) Stats() (*cgroups.Stats, error) {
	s, err := g.manager.GetStats()
	if err != nil {
		return nil, fmt.Errorf("cgroup %s: %w", g.path, err)
	}
	return s, nil
}
