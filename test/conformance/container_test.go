//go:build conformance

package conformance

import (
	"fmt"
	"strings"
	"time"
)

// prints runs a script once and wants its whole output.
func prints(script, extra, spec, wanted string) func(*T) {
	return func(t *T) {
		t.equal("output", t.once("main", script, extra, spec), wanted)
	}
}

// defaults runs the image with what the spec says of command and args.
func defaults(container string, check func(t *T, name string)) func(*T) {
	return func(t *T) {
		t.create(`{apiVersion: v1, kind: Pod, metadata: {name: main}, spec: {restartPolicy: Never, terminationGracePeriodSeconds: 1, containers: [{name: main, image: ` + image + `, imagePullPolicy: IfNotPresent` + container + `}]}}`)
		check(t, "main")
	}
}

// terminates wants the termination message of a container that ran a script.
func terminates(script, extra, phase, message string) func(*T) {
	return func(t *T) {
		t.create(pod("main", script, extra, "restartPolicy: Never"))
		o := t.waitField("pods/main", "status.phase", phase)
		t.equal("message", o.str("status.containerStatuses.0.state.terminated.message"), message)
	}
}

func init() {
	const fallback = "terminationMessagePolicy: FallbackToLogsOnError"
	add(map[string]func(*T){
		"NOD015": terminates("echo some output", fallback, "Succeeded", ""),
		"NOD016": terminates("echo some output; echo -n OK > /dev/termination-log", fallback, "Succeeded", "OK"),
		"NOD017": terminates("echo -n DONE; exit 1", fallback, "Failed", "DONE"),
		"NOD018": terminates("echo -n DONE > /dev/custom", "terminationMessagePath: /dev/custom, securityContext: {runAsUser: 1000}", "Succeeded", "DONE"),
		"NOD023": defaults("", func(t *T, name string) {
			t.until("the image's own server serves", func() error {
				if log := t.logs(name, ""); !strings.Contains(log, "serving HTTP") {
					return fmt.Errorf("log %q", log)
				}
				return nil
			})
		}),
		"NOD021": defaults(", command: [echo, from the spec]", func(t *T, name string) {
			t.finished(name)
			t.equal("output", t.logs(name, ""), "from the spec\n")
		}),
		"NOD022": defaults(", command: [echo], args: [both, from the spec]", func(t *T, name string) {
			t.finished(name)
			t.equal("output", t.logs(name, ""), "both from the spec\n")
		}),
		"NOD037": prints("echo to stdout; echo to stderr >&2", "", "", "to stdout\nto stderr\n"),
		"NOD040": prints("touch /file 2>/dev/null && echo written || echo refused", "securityContext: {readOnlyRootFilesystem: true}", "", "refused\n"),
		"NOD093": prints("touch /file && echo written", "securityContext: {readOnlyRootFilesystem: false}", "", "written\n"),
		"NOD091": prints("id -u", "securityContext: {runAsUser: 65534}", "", "65534\n"),
		"NOD094": prints("id -u; id -g", "securityContext: {runAsUser: 1001, runAsGroup: 2002}", "", "1001\n2002\n"),
		"NOD095": prints("id -u; id -g", "", "securityContext: {runAsUser: 1001, runAsGroup: 2002}", "1001\n2002\n"),
		"NOD096": prints("grep NoNewPrivs /proc/self/status | tr '\\t' ' '; id -u", "securityContext: {runAsUser: 1000, allowPrivilegeEscalation: false}", "", "NoNewPrivs: 1\n1000\n"),
		"NOD092": prints("grep CapEff /proc/self/status | tr '\\t' ' '", "securityContext: {privileged: false}", "", "CapEff: 00000000a80425fb\n"),
		"NOD098": prints("cat /proc/sys/kernel/shm_rmid_forced", "", "securityContext: {sysctls: [{name: kernel.shm_rmid_forced, value: '1'}]}", "1\n"),
		"NOD099": prints("echo $C", "env: [{name: A, value: a}, {name: B, value: b}, {name: C, value: $(A);;$(B)}]", "", "a;;b\n"),
		"NOD100": defaults(", command: [echo], args: [$(A), $$(A)], env: [{name: A, value: value}]", func(t *T, name string) {
			t.finished(name)
			t.equal("output", t.logs(name, ""), "value $(A)\n")
		}),
		"NOD101": defaults(", command: [echo, 'it is $(A)'], env: [{name: A, value: value}]", func(t *T, name string) {
			t.finished(name)
			t.equal("output", t.logs(name, ""), "it is value\n")
		}),
		"NOD102": prints("echo -n text > /sub/f; ls /all/main; cat /all/main/f; echo", "env: [{name: SUB, valueFrom: {fieldRef: {fieldPath: metadata.name}}}], volumeMounts: [{name: v, mountPath: /sub, subPathExpr: $(SUB)}, {name: v, mountPath: /all}]", "volumes: [{name: v, emptyDir: {}}]", "f\ntext\n"),
		"NOD103": refusedSubPath("/tmp"),
		"NOD104": refusedSubPath(".."),
		"NOD105": func(t *T) {
			t.create(strings.Replace(pod("main", "echo -n text > /sub/f; sleep 600", "env: [{name: SUB, valueFrom: {fieldRef: {fieldPath: \"metadata.annotations['mysubpath']\"}}}], volumeMounts: [{name: v, mountPath: /sub, subPathExpr: $(SUB)}, {name: v, mountPath: /all}]", "volumes: [{name: v, emptyDir: {}}]"), "labels:", "annotations: {mysubpath: mypath}, labels:", 1))
			t.ready("main")
			t.shows("main", "cat /all/mypath/f", "text")
			t.patch("pods/main", `{"metadata":{"annotations":{"mysubpath":null}}}`)
			t.remove("pods/main")
			t.gone("pods/main")
		},
		"NOD106": func(t *T) {
			t.create(strings.Replace(pod("main", "sleep 600", "env: [{name: SUB, valueFrom: {fieldRef: {fieldPath: \"metadata.annotations['mysubpath']\"}}}], volumeMounts: [{name: v, mountPath: /sub, subPathExpr: $(SUB)}]", "volumes: [{name: v, emptyDir: {}}]"), "labels:", "annotations: {mysubpath: /absolute}, labels:", 1))
			t.waitField("pods/main", "status.containerStatuses.0.state.waiting.reason", "CreateContainerConfigError")
			t.patch("pods/main", `{"metadata":{"annotations":{"mysubpath":"mypath"}}}`)
			t.ready("main")
		},
		"NOD097": func(t *T) {
			t.post("pods", parse(pod("main", "true", "", "securityContext: {sysctls: [{name: foo-, value: bar}, {name: kernel.shmmax, value: '100000000'}, {name: bar.., value: '42'}]}")), 422)
		},
		"NOD039": func(t *T) {
			t.create(pod("main", "exit 1", "", "restartPolicy: Never"))
			o := t.waitField("pods/main", "status.phase", "Failed")
			t.equal("statuses", len(o.list("status.containerStatuses")), 1)
			t.equal("reason", o.str("status.containerStatuses.0.state.terminated.reason"), "Error")
		},
		"NOD038": func(t *T) {
			t.create(pod("main", "exit 1", "", ""))
			t.wait("pods/main", "it failed", func(o object) error {
				if o.num("status.containerStatuses.0.restartCount") == 0 {
					return fmt.Errorf("no restart yet")
				}
				return nil
			})
			t.remove("pods/main")
			t.gone("pods/main")
		},
		"NOD041": func(t *T) {
			got := t.once("main", "cat /etc/hosts", "", "hostAliases: [{ip: 123.45.67.89, hostnames: [foo, bar]}]")
			t.contains("/etc/hosts", got, "123.45.67.89\tfoo\tbar")
		},
		"NOD042": managedHosts,
		"NOD019": restarts,
	})
}

// refusedSubPath wants no start of a container whose subPathExpr expands to
// this.
func refusedSubPath(value string) func(*T) {
	return func(t *T) {
		t.create(pod("main", "true", "env: [{name: SUB, value: '"+value+"'}], volumeMounts: [{name: v, mountPath: /sub, subPathExpr: $(SUB)}]", "restartPolicy: Never, volumes: [{name: v, emptyDir: {}}]"))
		t.waitField("pods/main", "status.containerStatuses.0.state.waiting.reason", "CreateContainerConfigError")
		t.never("the container starts", time.Second, func() error {
			return want("phase", t.get("pods/main").str("status.phase"), "Pending")
		})
	}
}

func managedHosts(t *T) {
	const managed = "# Kubernetes-managed hosts file."
	t.create(`{apiVersion: v1, kind: Pod, metadata: {name: own}, spec: {terminationGracePeriodSeconds: 1, volumes: [{name: v, hostPath: {path: /etc/hosts, type: File}}], containers: [{name: one, image: ` + image + `, command: [sleep, '600']}, {name: two, image: ` + image + `, command: [sleep, '600'], volumeMounts: [{name: v, mountPath: /etc/hosts}]}]}}`)
	t.create(`{apiVersion: v1, kind: Pod, metadata: {name: hosts}, spec: {hostNetwork: true, terminationGracePeriodSeconds: 1, containers: [{name: one, image: ` + image + `, command: [sleep, '600']}]}}`)
	t.ready("own", "hosts")
	for _, c := range []struct {
		pod, container string
		managed        bool
	}{{"own", "one", true}, {"own", "two", false}, {"hosts", "one", false}} {
		out, err := t.shIn(c.pod, c.container, "cat /etc/hosts")
		if err != nil {
			t.Fatal(err)
		}
		t.equal(c.pod+"/"+c.container+" is managed", strings.HasPrefix(out, managed), c.managed)
	}
}

// restarts follows a container that exits under each restart policy.
func restarts(t *T) {
	const script = `n=$(cat /v/n 2>/dev/null | wc -c); echo -n x >> /v/n; if test $n -eq 0; then exit 1; fi; `
	const volume = "volumes: [{name: v, emptyDir: {}}]"
	mount := "volumeMounts: [{name: v, mountPath: /v}]"
	t.create(pod("always", script+"if test $n -lt 2; then exit 0; fi; sleep 600", mount, join("restartPolicy: Always", volume)))
	t.create(pod("onfailure", script+"exit 0", mount, join("restartPolicy: OnFailure", volume)))
	t.create(pod("never", script+"exit 0", mount, join("restartPolicy: Never", volume)))
	for _, c := range []struct {
		pod, phase string
		restarts   int
	}{{"never", "Failed", 0}, {"onfailure", "Succeeded", 1}, {"always", "Running", 2}} {
		t.wait("pods/"+c.pod, c.pod+" is "+c.phase, func(o object) error {
			if err := want("restarts", o.num("status.containerStatuses.0.restartCount"), c.restarts); err != nil {
				return err
			}
			return want("phase", o.str("status.phase"), c.phase)
		})
	}
	t.ready("always")
}
