package runtime

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// capabilityNames by number, as the kernel counts them.
var capabilityNames = []string{
	"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
	"LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
	"SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
	"SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
	"MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
	"CHECKPOINT_RESTORE",
}

// defaultCapabilities are Docker's and containerd's.
var defaultCapabilities = []string{
	"CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP",
	"SETPCAP", "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE",
}

func allCapabilities() uint64 { return 1<<len(capabilityNames) - 1 }

func capabilityBits(names []string) (uint64, error) {
	var set uint64
	for _, n := range names {
		n = strings.TrimPrefix(strings.ToUpper(n), "CAP_")
		if n == "ALL" {
			return allCapabilities(), nil
		}
		found := false
		for bit, known := range capabilityNames {
			if n == known {
				set |= 1 << bit
				found = true
			}
		}
		if !found {
			return 0, fmt.Errorf("unknown capability %q", n)
		}
	}
	return set, nil
}

// capabilities are the default ones with the pod's changes. ALL is applied
// first, so that "drop ALL, add NET_BIND_SERVICE" leaves the one.
func capabilities(sc *runtimeapi.LinuxContainerSecurityContext) (set, ambient uint64, err error) {
	if sc.GetPrivileged() {
		return allCapabilities(), 0, nil
	}
	if set, err = capabilityBits(defaultCapabilities); err != nil {
		return 0, 0, err
	}
	add, err := capabilityBits(sc.GetCapabilities().GetAddCapabilities())
	if err != nil {
		return 0, 0, err
	}
	drop, err := capabilityBits(sc.GetCapabilities().GetDropCapabilities())
	if err != nil {
		return 0, 0, err
	}
	if add == allCapabilities() {
		set = add
	}
	if drop == allCapabilities() {
		set, drop = 0, 0
	}
	if add != allCapabilities() {
		set |= add
	}
	set &^= drop
	if ambient, err = capabilityBits(sc.GetCapabilities().GetAddAmbientCapabilities()); err != nil {
		return 0, 0, err
	}
	return set | ambient, ambient, nil
}

// mayLowerOOMScores tells whether this process has CAP_SYS_RESOURCE.
func mayLowerOOMScores() bool {
	h := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var d [2]unix.CapUserData
	return unix.Capget(&h, &d[0]) == nil && d[0].Effective&(1<<unix.CAP_SYS_RESOURCE) != 0
}
