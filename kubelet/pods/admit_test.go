package pods

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// CVE-2022-0811 and kin: kernel.core_pattern names a program that the node runs.
func TestCVE20220811_UnsafeSysctls(t *testing.T) {
	for _, tc := range []struct {
		name    string
		host    bool
		refused bool
	}{
		{name: "kernel.core_pattern", refused: true},
		{name: "kernel/core_pattern", refused: true},
		{name: "net.core.somaxconn", refused: true},
		{name: "kernel.shm_rmid_forced"},
		{name: "kernel/shm_rmid_forced"},
		{name: "kernel.shm_rmid_forced", host: true, refused: true},
		{name: "net.ipv4.ping_group_range"},
		{name: "net.ipv4.ping_group_range", host: true, refused: true},
	} {
		pod := &corev1.Pod{Spec: corev1.PodSpec{HostNetwork: tc.host, HostIPC: tc.host,
			SecurityContext: &corev1.PodSecurityContext{Sysctls: []corev1.Sysctl{{Name: tc.name, Value: "1"}}}}}
		r := admit(pod, &corev1.Node{}, nil)
		if (r != nil) != tc.refused || r != nil && r.reason != "SysctlForbidden" {
			t.Errorf("%s, host's namespaces %v: refusal %v", tc.name, tc.host, r)
		}
	}
}
