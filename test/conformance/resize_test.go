//go:build conformance

package conformance

import (
	"fmt"
	"strings"
)

// shares is a container's CPU weight as its cgroup says it: shares in version 1,
// a weight in version 2.
const shares = `if test -f /sys/fs/cgroup/cpu.weight; then cat /sys/fs/cgroup/cpu.weight; else cat /sys/fs/cgroup/cpu/cpu.shares; fi`

// burstable resizes six containers of a pod in one patch, also such as had no
// requests or no limits.
func burstable(t *T) {
	const unlimited = ""
	containers := []struct{ before, after, quota, memory string }{
		{"", "requests: {cpu: 100m}", unlimited, unlimited},
		{"", "requests: {cpu: 100m, memory: 32Mi}, limits: {cpu: 200m, memory: 64Mi}", "20000", "67108864"},
		{"requests: {cpu: 100m}", "requests: {cpu: 150m}, limits: {cpu: 300m}", "30000", unlimited},
		{"requests: {memory: 32Mi}", "requests: {memory: 48Mi}, limits: {memory: 96Mi}", unlimited, "100663296"},
		{"requests: {cpu: 100m, memory: 32Mi}, limits: {cpu: 200m, memory: 64Mi}", "requests: {cpu: 50m, memory: 16Mi}, limits: {cpu: 100m, memory: 128Mi}", "10000", "134217728"},
		{"requests: {cpu: 100m, memory: 32Mi}", "requests: {cpu: 100m, memory: 32Mi}", unlimited, unlimited},
	}
	var made, changes []string
	for i, c := range containers {
		made = append(made, fmt.Sprintf("{name: c%d, image: %s, command: [sleep, '600'], resources: {%s}}", i+1, image, c.before))
		changes = append(changes, fmt.Sprintf("{name: c%d, resources: {%s}}", i+1, c.after))
	}
	t.create(`{apiVersion: v1, kind: Pod, metadata: {name: main}, spec: {terminationGracePeriodSeconds: 1, containers: [` + strings.Join(made, ", ") + `]}}`)
	t.equal("class", t.ready("main").str("status.qosClass"), "Burstable")
	before := t.weight("c3")
	t.call(request{Method: "PATCH", Path: "pods/main/resize", Type: strategicPatch, Body: parse(`{spec: {containers: [` + strings.Join(changes, ", ") + `]}}`)}, 200)
	for i, c := range containers {
		name := fmt.Sprintf("c%d", i+1)
		t.wait("pods/main", name+" is resized", func(o object) error {
			s, spec := o.list("status.containerStatuses")[i], o.list("spec.containers")[i]
			if err := want("restarts", s.num("restartCount"), 0); err != nil {
				return err
			}
			if err := want("resources of "+name, s.str("resources.limits")+s.str("resources.requests"), spec.str("resources.limits")+spec.str("resources.requests")); err != nil {
				return err
			}
			return want("what is allocated", s.str("allocatedResources"), spec.str("resources.requests"))
		})
		t.until("the cgroup follows", func() error {
			out, err := t.shIn("main", name, quotas)
			if err != nil {
				return err
			}
			got := strings.Fields(out)
			if c.quota != unlimited && got[0] != c.quota || c.quota == unlimited && got[0] != "-1" && got[0] != "max" {
				return fmt.Errorf("the quota of %s is %s", name, got[0])
			}
			if c.memory != unlimited && got[1] != c.memory || c.memory == unlimited && got[1] != "max" && len(got[1]) < 15 {
				return fmt.Errorf("the memory limit of %s is %s", name, got[1])
			}
			return nil
		})
	}
	t.until("the weight follows", func() error {
		if after := t.weight("c3"); after <= before {
			return fmt.Errorf("it was %d and is %d", before, after)
		}
		return nil
	})
	t.wait("pods/main", "no resize is left", func(o object) error {
		return want("in progress or pending", o.condition("PodResizeInProgress")+o.condition("PodResizePending"), "")
	})
}

func (t *T) weight(container string) int {
	t.Helper()
	out, err := t.shIn("main", container, shares)
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if _, err := fmt.Sscan(out, &n); err != nil {
		t.Fatal(err)
	}
	return n
}
