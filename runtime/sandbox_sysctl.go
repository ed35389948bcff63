package runtime

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// ipcSysctls are kernel.*'s that belong to the IPC namespace: ipc/ipc_sysctl.c.
var ipcSysctls = []string{"msgmax", "msgmnb", "msgmni", "sem", "shmall", "shmmax", "shmmni", "shm_rmid_forced"}

// sysctlPath turns net.ipv4.ip_forward into its file below /proc/sys. A name
// with slashes keeps its dots, as sysctl(8) has it. namespaces are those that
// the pod has to itself (CLONE_NEW*): only their settings are the pod's. All
// others, kernel.core_pattern above all, are the node's.
func sysctlPath(name string, namespaces int) (string, error) {
	path := name
	if i := strings.IndexAny(name, "./"); i < 0 || name[i] == '.' {
		path = strings.Map(func(c rune) rune {
			switch c {
			case '.':
				return '/'
			case '/':
				return '.'
			}
			return c
		}, name)
	}
	for _, part := range strings.Split(path, "/") {
		if part == "" || part == "." || part == ".." {
			return "", fmt.Errorf("sysctl %q: not a name", name)
		}
	}
	if !ownSysctl(path, namespaces) {
		return "", fmt.Errorf("sysctl %q: it is not the pod's own but the node's", name)
	}
	return path, nil
}

// ownSysctl tells whether a file below /proc/sys shows a setting of one of the
// namespaces.
func ownSysctl(path string, namespaces int) bool {
	if name, ok := strings.CutPrefix(path, "kernel/"); ok {
		return namespaces&unix.CLONE_NEWIPC != 0 && slices.Contains(ipcSysctls, name)
	}
	return strings.HasPrefix(path, "fs/mqueue/") && namespaces&unix.CLONE_NEWIPC != 0 ||
		strings.HasPrefix(path, "net/") && namespaces&unix.CLONE_NEWNET != 0
}
