package eviction

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
)

// leastMemory is the memory below which the node evicts. Disk and inodes are
// bounded by their share of the file system.
const (
	leastMemory = 100 << 20
	leastDisk   = 10 // percent
	leastInodes = 5  // percent
)

// ReadSignals reads the machine's memory and the file system of dir.
func ReadSignals(dir string) ([]Signal, error) {
	memory, err := meminfo()
	if err != nil {
		return nil, err
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return nil, fmt.Errorf("read the file system of %s: %w", dir, err)
	}
	size, free := int64(fs.Blocks)*fs.Bsize, int64(fs.Bavail)*fs.Bsize
	out := []Signal{
		{Name: "memory.available", Resource: corev1.ResourceMemory, Condition: corev1.NodeMemoryPressure,
			Available: memory["MemAvailable"], Capacity: memory["MemTotal"], Least: leastMemory},
		{Name: "nodefs.available", Resource: corev1.ResourceEphemeralStorage, Condition: corev1.NodeDiskPressure,
			Available: free, Capacity: size, Least: size / 100 * leastDisk},
	}
	if fs.Files > 0 { // some file systems do not count inodes
		out = append(out, Signal{Name: "nodefs.inodesFree", Resource: corev1.ResourceEphemeralStorage, Condition: corev1.NodeDiskPressure,
			Available: int64(fs.Ffree), Capacity: int64(fs.Files), Least: int64(fs.Files) / 100 * leastInodes})
	}
	return out, nil
}

func meminfo() (map[string]int64, error) {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	out := map[string]int64{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		name, rest, _ := strings.Cut(lines.Text(), ":")
		fields := strings.Fields(rest)
		if len(fields) == 0 {
			continue
		}
		if kib, err := strconv.ParseInt(fields[0], 10, 64); err == nil {
			out[name] = kib << 10
		}
	}
	return out, lines.Err()
}
