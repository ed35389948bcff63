package kubelet_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// all is the rule that these exit codes restart all containers.
func all(codes ...int32) []corev1.ContainerRestartRule {
	return []corev1.ContainerRestartRule{{
		Action:    corev1.ContainerRestartRuleActionRestartAllContainers,
		ExitCodes: &corev1.ContainerRestartRuleOnExitCodes{Operator: corev1.ContainerRestartRuleOnExitCodesOpIn, Values: codes},
	}}
}

// restartsAll is a pod of an init container, a sidecar, and two containers, of which
// "rank" restarts all when it ends with 88.
func restartsAll(policy corev1.RestartPolicy) *corev1.Pod {
	always, never := corev1.ContainerRestartPolicyAlways, corev1.ContainerRestartPolicyNever
	p := pod("a", corev1.Container{Name: "rank", RestartPolicy: &never, RestartPolicyRules: all(88)}, corev1.Container{Name: "web"})
	p.Spec.InitContainers = []corev1.Container{{Name: "init", Image: "web:1"}, {Name: "side", Image: "web:1", RestartPolicy: &always}}
	p.Spec.RestartPolicy = policy
	return p
}

// up lets the init container do its work and returns what runs then.
func (b *bench) up() map[string]string {
	b.Helper()
	settle(time.Second)
	if r := b.rt.Running(); len(r) != 1 || r["init"] == "" {
		b.Fatalf("running %v, want init alone", r)
	}
	b.exit("init", 0)
	settle(time.Second)
	r := b.rt.Running()
	if len(r) != 3 || r["side"] == "" || r["rank"] == "" || r["web"] == "" {
		b.Fatalf("running %v, want side, rank and web", r)
	}
	return r
}

func (b *bench) restarts() map[string]int32 {
	out := map[string]int32{}
	s := b.get("a").Status
	for _, c := range slices.Concat(s.InitContainerStatuses, s.ContainerStatuses) {
		out[c.Name] = c.RestartCount
	}
	return out
}

// TestRestartAllContainers: one container ends, all start anew, the init containers
// first; that nobody waits for long, and the pod is never seen as done.
func TestRestartAllContainers(t *testing.T) {
	for _, policy := range []corev1.RestartPolicy{corev1.RestartPolicyNever, corev1.RestartPolicyOnFailure, corev1.RestartPolicyAlways} {
		t.Run(string(policy), func(t *testing.T) {
			on(t, func(b *bench) {
				b.api.Put(restartsAll(policy))
				before := b.up()
				if got := condition(b.get("a"), corev1.AllContainersRestarting); got != corev1.ConditionFalse {
					t.Errorf("AllContainersRestarting is %q at first", got)
				}
				for round := range int32(3) {
					b.exit("rank", 88)
					settle(time.Second)
					p := b.get("a")
					if r := b.rt.Running(); len(r) != 1 || r["init"] == before["init"] {
						t.Fatalf("round %d: running %v", round, r)
					}
					if p.Status.Phase != corev1.PodRunning || condition(p, corev1.PodInitialized) != corev1.ConditionTrue {
						t.Errorf("round %d: %+v", round, p.Status)
					}
					for _, c := range p.Status.ContainerStatuses {
						if c.State.Waiting == nil || c.State.Waiting.Reason != "RestartingAllContainers" || c.LastTerminationState.Terminated == nil {
							t.Errorf("round %d: %s is %+v", round, c.Name, c)
						}
					}
					now := b.up()
					for name, id := range now {
						if before[name] == id {
							t.Errorf("round %d: %s did not start anew", round, name)
						}
					}
					for name, n := range b.restarts() {
						if n != round+1 {
							t.Errorf("round %d: %s was restarted %d times", round, name, n)
						}
					}
					if got := condition(b.get("a"), corev1.AllContainersRestarting); got != corev1.ConditionFalse {
						t.Errorf("round %d: AllContainersRestarting is %q at the end", round, got)
					}
					before = now
				}
				web := b.get("a").Status.ContainerStatuses[1].LastTerminationState.Terminated
				if web == nil || web.Reason != "RestartingAllContainers" {
					t.Errorf("the last end of web is %+v", web)
				}
				// What the rule is not about restarts nobody else.
				b.exit("rank", 1)
				settle(time.Second)
				r := b.rt.Running()
				if r["web"] != before["web"] || r["side"] != before["side"] || r["rank"] != "" {
					t.Errorf("running %v, before %v", r, before)
				}
			})
		})
	}
}

// TestRestartAllByInit: an init container's rule restarts all, without the pod failing.
func TestRestartAllByInit(t *testing.T) {
	on(t, func(b *bench) {
		p := restartsAll(corev1.RestartPolicyNever)
		p.Spec.InitContainers[0].RestartPolicyRules = all(7)
		b.api.Put(p)
		synctest.Wait()
		b.exit("init", 7)
		first := b.up()
		b.exit("rank", 88)
		settle(time.Second)
		b.exit("init", 7)
		second := b.up()
		if first["web"] == second["web"] || b.restarts()["init"] != 3 || b.restarts()["web"] != 1 {
			t.Errorf("%v, %v, restarts %v", first, second, b.restarts())
		}
	})
}

// TestRestartAllShared: all have the rule, and the end of those that are ended for
// the round begins no other one.
func TestRestartAllShared(t *testing.T) {
	on(t, func(b *bench) {
		p := restartsAll(corev1.RestartPolicyNever)
		for i := range p.Spec.Containers {
			p.Spec.Containers[i].RestartPolicyRules = []corev1.ContainerRestartRule{{
				Action:    corev1.ContainerRestartRuleActionRestartAllContainers,
				ExitCodes: &corev1.ContainerRestartRuleOnExitCodes{Operator: corev1.ContainerRestartRuleOnExitCodesOpNotIn, Values: []int32{0}},
			}}
		}
		b.api.Put(p)
		b.up()
		b.exit("web", 1)
		b.up()
		settle(time.Minute)
		for name, n := range b.restarts() {
			if n != 1 {
				t.Errorf("%s was restarted %d times", name, n)
			}
		}
		b.exit("web", 0)
		b.exit("rank", 0)
		settle(time.Second)
		if phase := b.get("a").Status.Phase; phase != corev1.PodSucceeded {
			t.Errorf("the phase is %s", phase)
		}
	})
}

// TestRestartAllAfterRestart: a kubelet that was away during the round goes on with
// it, even if its cause has started and ended again meanwhile.
func TestRestartAllAfterRestart(t *testing.T) {
	on(t, func(b *bench) {
		p := restartsAll(corev1.RestartPolicyNever)
		p.Spec.InitContainers[1].RestartPolicyRules = all(9) // the sidecar's
		b.api.Put(p)
		before := b.up()
		b.stop()
		b.exit("side", 9)
		b.start()
		settle(time.Second)
		b.exit("init", 0)
		settle(time.Second)
		b.exit("side", 1)
		settle(time.Second)
		b.stop()
		b.start()
		settle(20 * time.Second)
		now := b.rt.Running()
		if len(now) != 3 || now["web"] == before["web"] || now["rank"] == before["rank"] {
			t.Errorf("running %v, before %v", now, before)
		}
		if phase := b.get("a").Status.Phase; phase != corev1.PodRunning {
			t.Errorf("the phase is %s", phase)
		}
	})
}

// TestRestartAllLeavesEphemeral: a container for debugging outlasts the round, and no
// preStop hook is run.
func TestRestartAllLeavesEphemeral(t *testing.T) {
	on(t, func(b *bench) {
		b.api.Put(restartsAll(corev1.RestartPolicyAlways))
		b.up()
		b.change("a", func(p *corev1.Pod) {
			p.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "debug", Image: "web:1"}}}
		})
		settle(time.Second)
		debug := b.rt.Running()["debug"]
		b.exit("rank", 88)
		settle(time.Second)
		if r := b.rt.Running(); debug == "" || r["debug"] != debug || len(r) != 2 {
			t.Errorf("running %v, debug was %q", r, debug)
		}
	})
}
