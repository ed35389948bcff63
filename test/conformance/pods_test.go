//go:build conformance

package conformance

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"

	"k8s.io/client-go/tools/remotecommand"
)

const image = "minke.local/toolbox"

// pod is a manifest of a pod with one container main that runs a shell script.
// extra goes into the container, spec into the pod; both are YAML flow
// mappings' insides.
func pod(name, script, extra, spec string) string {
	if extra != "" {
		extra = ", " + extra
	}
	if spec != "" {
		spec = ", " + spec
	}
	return fmt.Sprintf(`{apiVersion: v1, kind: Pod, metadata: {name: %s, labels: {app: %s}}, spec: {terminationGracePeriodSeconds: 1, containers: [{name: main, image: %s, imagePullPolicy: IfNotPresent, command: [sh, -c, %q]%s}]%s}}`, name, name, image, script, extra, spec)
}

// server is a manifest of a pod that serves HTTP on 8080 as the toolbox does.
func serverPod(name, extra, spec string) string {
	if extra != "" {
		extra = ", " + extra
	}
	if spec != "" {
		spec = ", " + spec
	}
	return fmt.Sprintf(`{apiVersion: v1, kind: Pod, metadata: {name: %s, labels: {app: %s}}, spec: {terminationGracePeriodSeconds: 1, containers: [{name: main, image: %s, imagePullPolicy: IfNotPresent, ports: [{containerPort: 8080}], readinessProbe: {httpGet: {path: /healthz, port: 8080}}%s}]%s}}`, name, name, image, extra, spec)
}

// once runs a script to its success in a pod that is never restarted, and
// returns what it printed.
func (t *T) once(name, script, extra, spec string) string {
	t.Helper()
	if spec != "" {
		spec = ", " + spec
	}
	t.create(pod(name, script, extra, "restartPolicy: Never"+spec))
	t.finished(name)
	return t.logs(name, "")
}

// finished waits until a pod succeeded.
func (t *T) finished(name string) object {
	t.Helper()
	return t.wait("pods/"+name, name+" succeeds", func(o object) error {
		if o.str("status.phase") == "Failed" {
			t.Fatalf("pod %s failed: %v\n%s", name, o["status"], t.logs(name, ""))
		}
		return want("phase", o.str("status.phase"), "Succeeded")
	})
}

// ready waits until pods are ready, and returns the last.
func (t *T) ready(list ...string) object {
	t.Helper()
	var last object
	for _, name := range list {
		last = t.wait("pods/"+name, name+" is ready", func(o object) error {
			return want("Ready", o.condition("Ready"), "True")
		})
	}
	return last
}

func (t *T) logs(name, query string) string {
	t.Helper()
	a := t.do(request{Method: "GET", Path: t.path("pods/"+name+"/log") + "?" + query})
	return string(a.Raw)
}

// sh runs a script in a container of a running pod, and returns its output
// and error.
func (t *T) sh(name, script string) (string, error) {
	t.Helper()
	return t.shIn(name, "", script)
}

func (t *T) shIn(name, container, script string) (string, error) {
	t.Helper()
	query := url.Values{"command": {"sh", "-c", script}, "stdout": {"true"}, "stderr": {"true"}}
	if container != "" {
		query.Set("container", container)
	}
	executor, err := remotecommand.NewWebSocketExecutor(config, "GET", server+t.path("pods/"+name+"/exec")+"?"+query.Encode())
	if err != nil {
		return "", err
	}
	var out, errs bytes.Buffer
	err = executor.StreamWithContext(t.ctx, remotecommand.StreamOptions{Stdout: &out, Stderr: &errs})
	if err != nil {
		err = fmt.Errorf("%w: %s", err, errs.String())
	}
	return out.String(), err
}

// must is sh that must succeed.
func (t *T) must(name, script string) string {
	t.Helper()
	out, err := t.sh(name, script)
	if err != nil {
		t.Fatalf("in %s: %s: %v\n%s", name, script, err, out)
	}
	return out
}

// shows waits until a script in a pod prints text.
func (t *T) shows(name, script, text string) {
	t.Helper()
	t.until(name+": "+script, func() error {
		out, err := t.sh(name, script)
		if err != nil {
			return err
		}
		if !strings.Contains(out, text) {
			return fmt.Errorf("%q lacks %q", out, text)
		}
		return nil
	})
}

// kubectl runs minke's kubectl in the row's namespace.
func (t *T) kubectl(args ...string) string {
	t.Helper()
	out, err := t.tryKubectl("", args...)
	if err != nil {
		t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func (t *T) tryKubectl(stdin string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, minke(), append([]string{"kubectl", "-n", t.ns}, args...)...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	return string(out), err
}
