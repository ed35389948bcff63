package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// CgroupRoot is the cgroup below which everything of the cluster runs.
func CgroupRoot(cluster string) string { return "/minke-" + cluster }

// cgroupDirs returns the cluster's directory in each mounted hierarchy, v1 and
// v2, with all directories below, deepest first.
func cgroupDirs(cluster string) ([]string, error) {
	roots, err := filepath.Glob("/sys/fs/cgroup/*" + CgroupRoot(cluster))
	if err != nil {
		return nil, err
	}
	roots = append(roots, "/sys/fs/cgroup"+CgroupRoot(cluster))
	var dirs []string
	for _, root := range roots {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err == nil && d.IsDir() {
				dirs = append(dirs, path)
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("list cgroups of %s: %w", cluster, err)
		}
	}
	slices.Reverse(dirs)
	return dirs, nil
}

func cgroupMembers(cluster string) ([]int, error) {
	dirs, err := cgroupDirs(cluster)
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, dir := range dirs {
		data, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("list processes of %s: %w", dir, err)
		}
		for _, line := range strings.Fields(string(data)) {
			pid, err := strconv.Atoi(line)
			if err != nil {
				return nil, fmt.Errorf("list processes of %s: %w", dir, err)
			}
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// inCgroup tells whether the process is in one of the cluster's cgroups. It may
// end at any moment: what cannot be read is gone.
func inCgroup(pid int, cluster string) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(data)) {
		if strings.Contains(strings.TrimSuffix(line, "\n")+"/", CgroupRoot(cluster)+"/") {
			return true
		}
	}
	return false
}

func removeCgroups(cluster string) error {
	dirs, err := cgroupDirs(cluster)
	if err != nil {
		return err
	}
	var errs []error
	for _, dir := range dirs {
		if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("remove cgroup: %w", err))
		}
	}
	return errors.Join(errs...)
}
