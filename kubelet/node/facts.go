// Package node registers the node in the API, keeps its status true, and renews
// its lease. The node becomes Ready at the moment its runtime and its network
// are; nothing waits for the next heartbeat.
package node

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Capacity reads what the machine has: CPUs, memory, huge pages, and the file
// system of dir.
func Capacity(dir string, maxPods int64) (corev1.ResourceList, error) {
	memory, err := totalMemory()
	if err != nil {
		return nil, fmt.Errorf("read the machine's memory: %w", err)
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return nil, fmt.Errorf("read the size of the file system of %s: %w", dir, err)
	}
	list := corev1.ResourceList{
		corev1.ResourceCPU:              *resource.NewQuantity(int64(runtime.NumCPU()), resource.DecimalSI),
		corev1.ResourceMemory:           *resource.NewQuantity(memory, resource.BinarySI),
		corev1.ResourcePods:             *resource.NewQuantity(maxPods, resource.DecimalSI),
		corev1.ResourceEphemeralStorage: *resource.NewQuantity(int64(fs.Blocks)*fs.Bsize, resource.BinarySI),
	}
	pages, err := os.ReadDir("/sys/kernel/mm/hugepages")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	for _, p := range pages {
		kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimPrefix(p.Name(), "hugepages-"), "kB"), 10, 64)
		if err != nil {
			continue
		}
		count := number(filepath.Join("/sys/kernel/mm/hugepages", p.Name(), "nr_hugepages"))
		size := resource.NewQuantity(kib<<10, resource.BinarySI)
		list[corev1.ResourceName(corev1.ResourceHugePagesPrefix+size.String())] = *resource.NewQuantity(count*kib<<10, resource.BinarySI)
	}
	return list, nil
}

func number(path string) int64 {
	raw, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(raw)), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func totalMemory() (int64, error) {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) >= 2 && fields[0] == "MemTotal:" {
			kib, err := strconv.ParseInt(fields[1], 10, 64)
			return kib << 10, err
		}
	}
	return 0, errors.Join(lines.Err(), errors.New("no MemTotal in /proc/meminfo"))
}

// memoryReserve is what is kept from pods so that the kubelet can evict before
// the kernel kills.
const memoryReserve = 100 << 20

// Allocatable is capacity less what the node keeps for itself.
func Allocatable(capacity, reserved corev1.ResourceList) corev1.ResourceList {
	out := capacity.DeepCopy()
	for name, q := range reserved {
		have := out[name]
		have.Sub(q)
		out[name] = have
	}
	if m, ok := out[corev1.ResourceMemory]; ok {
		m.Sub(*resource.NewQuantity(memoryReserve, resource.BinarySI))
		out[corev1.ResourceMemory] = m
	}
	if s, ok := out[corev1.ResourceEphemeralStorage]; ok {
		out[corev1.ResourceEphemeralStorage] = *resource.NewQuantity(s.Value()/10*9, resource.BinarySI)
	}
	return out
}

// systemInfo describes the machine.
func systemInfo(version, container string) corev1.NodeSystemInfo {
	return corev1.NodeSystemInfo{
		MachineID: text("/etc/machine-id"), SystemUUID: text("/sys/class/dmi/id/product_uuid"),
		BootID: text("/proc/sys/kernel/random/boot_id"), KernelVersion: text("/proc/sys/kernel/osrelease"),
		OSImage: osImage(), ContainerRuntimeVersion: container, KubeletVersion: version,
		OperatingSystem: runtime.GOOS, Architecture: runtime.GOARCH,
	}
}

func text(path string) string {
	raw, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(raw))
}

func osImage() string {
	for _, l := range strings.Split(text("/etc/os-release"), "\n") {
		if v, ok := strings.CutPrefix(l, "PRETTY_NAME="); ok {
			return strings.Trim(v, `"`)
		}
	}
	return "Linux"
}
