package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// apart is a place for processes that get only what processors' time nobody
// else wants, and that give it up at once when somebody does. Neither niceness
// nor SCHED_IDLE do that: the kernel's autogroups let both act only among the
// processes of one session.
type apart string

// newApart makes a cgroup for them.
func newApart(name string) (apart, error) {
	for _, root := range []string{"/sys/fs/cgroup/cpu", "/sys/fs/cgroup"} {
		if _, err := os.Stat(filepath.Join(root, "cgroup.procs")); err != nil {
			continue
		}
		dir := filepath.Join(root, name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(dir, "cpu.idle"), []byte("1"), 0o644); err != nil {
			return "", errors.Join(fmt.Errorf("keep the flood's processes from competing with the server: %w", err), os.Remove(dir))
		}
		return apart(dir), nil
	}
	return "", errors.New("keep the flood's processes from competing with the server: no cgroup for processors' time in /sys/fs/cgroup")
}

// add moves a process into it.
func (a apart) add(pid int) error {
	if a == "" {
		return nil
	}
	return os.WriteFile(filepath.Join(string(a), "cgroup.procs"), []byte(strconv.Itoa(pid)), 0o644)
}

func (a apart) remove() error {
	if a == "" {
		return nil
	}
	return os.Remove(string(a))
}

// runFirst lets cmd run, once it is started, before every process that has no
// real-time priority.
func runFirst(cmd *exec.Cmd) {
	cmd.Args = append([]string{"chrt", "-f", "1", cmd.Path}, cmd.Args[1:]...)
	cmd.Path = "/usr/bin/chrt"
}
