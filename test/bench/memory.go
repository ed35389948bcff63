package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// memory measures the one-node cluster at rest.
func (b *bench) memory(ctx context.Context) error {
	var pss, cpu []float64
	for range b.runs {
		if err := b.down(); err != nil {
			return err
		}
		if err := b.up(ctx); err != nil {
			return err
		}
		if err := pause(ctx, 8*time.Second); err != nil {
			return err
		}
		pid, err := b.pid()
		if err != nil {
			return err
		}
		p, err := pssOf(pid)
		if err != nil {
			return err
		}
		before, err := cpuOf(pid)
		if err != nil {
			return err
		}
		if err := pause(ctx, 5*time.Second); err != nil {
			return err
		}
		after, err := cpuOf(pid)
		if err != nil {
			return err
		}
		pss, cpu = append(pss, p), append(cpu, (after-before)/5*100)
	}
	row("idle one-node cluster, all parts in one process", "median")
	row("PSS 8 s after it is ready", fmt.Sprintf("%.1f MiB", median(pss)))
	row("CPU at rest", fmt.Sprintf("%.2f %% of a core", median(cpu)))
	return nil
}

// pid returns the process of the first node.
func (b *bench) pid() (int, error) {
	data, err := os.ReadFile(filepath.Join("/run/minke", b.name, "node-1", "pid"))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(data)))
}

// pssOf returns a process's proportional set size in MiB.
func pssOf(pid int) (float64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "Pss:" {
			kib, err := strconv.ParseFloat(f[1], 64)
			return kib / 1024, err
		}
	}
	return 0, fmt.Errorf("no Pss in /proc/%d/smaps_rollup", pid)
}

// cpuOf returns the seconds of processor time that a process has used.
func cpuOf(pid int) (float64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// After the name, which may hold anything, in parentheses.
	_, rest, _ := strings.Cut(string(data), ") ")
	f := strings.Fields(rest)
	if len(f) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat is too short", pid)
	}
	user, err1 := strconv.ParseFloat(f[11], 64)
	system, err2 := strconv.ParseFloat(f[12], 64)
	if err1 != nil || err2 != nil {
		return 0, fmt.Errorf("/proc/%d/stat: %v %v", pid, err1, err2)
	}
	return (user + system) / 100, nil
}

func median(values []float64) float64 {
	d := make([]time.Duration, len(values))
	for i, v := range values {
		d[i] = time.Duration(v * 1e6)
	}
	return float64(percentile(d, 50)) / 1e6
}

// ownProcesses returns the pids whose network namespace is not the host's but
// whose program is one of Minke's helpers: name begins with one of prefixes.
func ownProcesses(prefixes ...string) ([]int, error) {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, dir := range dirs {
		name, err := os.ReadFile(filepath.Join(dir, "comm"))
		if err != nil {
			continue // it has ended
		}
		for _, p := range prefixes {
			if strings.HasPrefix(string(name), p) {
				pid, err := strconv.Atoi(filepath.Base(dir))
				if err != nil {
					return nil, err
				}
				pids = append(pids, pid)
			}
		}
	}
	return pids, nil
}
