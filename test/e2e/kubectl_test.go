//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// kubectls returns the kubectl programs to test with, by name: minke's own,
// the machine's, and Debian's old one where test/e2e/kubectls.sh has put it.
func kubectls(t *testing.T) map[string][]string {
	found := map[string][]string{"minke": {minke(), "kubectl"}}
	if path, err := exec.LookPath("kubectl"); err == nil {
		found["machine"] = []string{path}
	}
	old, err := filepath.Abs("../../build/kubectl-1.20/usr/bin/kubectl")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(old); err == nil {
		found["debian"] = []string{old}
	} else {
		t.Log("without the kubectl of Debian 12: test/e2e/kubectls.sh fetches it")
	}
	return found
}

// step is one kubectl command and what its output must hold.
type step struct {
	args string
	want string // a regular expression
}

const web = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: web
        image: toolbox
        imagePullPolicy: IfNotPresent
        ports: [{name: http, containerPort: 8080}]
        readinessProbe: {httpGet: {path: /healthz, port: http}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}
---
apiVersion: v1
kind: Pod
metadata: {name: talker, labels: {app: talker}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - {name: talker, image: toolbox, imagePullPolicy: IfNotPresent, stdin: true, command: [sh, -c, "echo first; echo second; cat"]}
`

var kubectlSteps = []step{
	{"get nodes", `node-1\s+Ready`},
	{"get pods -o wide", `web-\S+\s+1/1\s+Running`},
	{"get pod talker -o yaml", `phase: Running`},
	{"get deploy,rs,svc,endpoints", `deployment.apps/web\s+2/2`},
	{"get endpointslices", `web-`},
	{"get pods -l app=web -o name", `^pod/web-`},
	{"get pods --field-selector=status.phase=Running -o name", `pod/talker`},
	{"describe pod talker", `(?s)Status:\s+Running.*Events:`},
	{"describe deploy web", `StrategyType:\s+RollingUpdate`},
	{"describe node node-1", `(?s)Capacity:.*Allocated resources`},
	{"describe svc web", `Endpoints:\s+\d+\.`},
	{"scale deploy web --replicas=3", `scaled`},
	{"rollout status deploy web --timeout=60s", `successfully rolled out`},
	{"set env deploy/web COLOR=blue", `updated`},
	{"rollout status deploy web --timeout=60s", `successfully rolled out`},
	{"rollout history deploy web", `(?s)1.*2`},
	{"rollout undo deploy web", `rolled back`},
	{"rollout status deploy web --timeout=60s", `successfully rolled out`},
	{"rollout restart deploy web", `restarted`},
	{"rollout status deploy web --timeout=60s", `successfully rolled out`},
	{"logs talker", `(?s)first\nsecond`},
	{"logs talker --tail=1", `^second`},
	{"logs deploy/web --prefix --tail=5", ``},
	{"exec talker -- hostname", `^talker`},
	{"exec deploy/web -- wget -q -O - http://web/", `web-`},
	{"explain pod.spec.containers", `(?i)containers`},
	{"explain deployment --recursive", `replicas`},
	{"api-resources", `deployments\s+deploy`},
	{"api-versions", `apps/v1`},
	{"auth can-i create pods", `yes`},
	{"auth can-i --list", `\*\.\*`},
	{"wait --for=condition=Available deploy/web --timeout=60s", `condition met`},
	{"label pod talker mood=good", `labeled`},
	{"annotate pod talker note=here", `annotated`},
	{"patch deploy web -p {\"spec\":{\"minReadySeconds\":1}}", `patched`},
	{"cordon node-1", `cordoned`},
	{"uncordon node-1", `uncordoned`},
	{"get events", `Started`},
	{"get --raw /version", `v1\.37`},
	{"cluster-info", `control plane|master`},
	{"create configmap one --from-literal=a=b", `created`},
	{"get cm one -o jsonpath={.data.a}", `^b$`},
	{"delete cm one", `deleted`},
	{"create configmap two --from-literal=a=b --dry-run=server", `server dry run`},
}

func TestKubectlAges(t *testing.T) {
	c := up(t, 1)
	for name, program := range kubectls(t) {
		t.Run(name, func(t *testing.T) {
			c := *c
			c.t = t
			dir := t.TempDir()
			manifest := filepath.Join(dir, "web.yaml")
			if err := os.WriteFile(manifest, []byte(web), 0o600); err != nil {
				t.Fatal(err)
			}
			k := func(args ...string) string {
				t.Helper()
				return c.kubectlWith(program[0], append(program[1:len(program):len(program)], args...)...)
			}
			k("apply", "-f", manifest)
			k("wait", "--for=condition=Ready", "pod/talker", "--timeout=60s")
			k("rollout", "status", "deploy/web", "--timeout=60s")
			for _, s := range kubectlSteps {
				checkStep(t, s, k(strings.Fields(s.args)...))
			}
			testDiffAndEdit(t, &c, program, manifest)
			testCopy(t, k, dir)
			testAttach(t, &c, program)
			testPortForward(t, &c, program)
			k("delete", "-f", manifest, "--wait=true")
		})
	}
}

func checkStep(t *testing.T, s step, got string) {
	t.Helper()
	if ok, err := regexp.MatchString("(?m)"+s.want, got); err != nil || !ok {
		t.Errorf("kubectl %s: wanted %q (%v) in\n%s", s.args, s.want, err, got)
	}
}

func testDiffAndEdit(t *testing.T, c *Cluster, program []string, manifest string) {
	t.Helper()
	changed := strings.Replace(web, "replicas: 2", "replicas: 1", 1)
	file := manifest + ".changed"
	if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := c.try("", program[0], append(program[1:len(program):len(program)], "diff", "-f", file)...)
	if err == nil || !strings.Contains(out, "replicas: 1") {
		t.Errorf("diff: wanted exit code 1 and the new replicas, got %v\n%s", err, out)
	}
	t.Setenv("EDITOR", "sed -i s/replicas:.*/replicas:\\ 1/")
	c.kubectlWith(program[0], append(program[1:len(program):len(program)], "edit", "deploy/web")...)
	if got := c.kubectl("get", "deploy/web", "-o", "jsonpath={.spec.replicas}"); got != "1" {
		t.Errorf("after edit the deployment has %s replicas, wanted 1", got)
	}
}

func testCopy(t *testing.T, k func(...string) string, dir string) {
	t.Helper()
	const text = "to the pod and back\n"
	if err := os.WriteFile(filepath.Join(dir, "there"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	k("cp", filepath.Join(dir, "there"), "talker:/tmp/there")
	k("cp", "talker:/tmp/there", filepath.Join(dir, "back"))
	got, err := os.ReadFile(filepath.Join(dir, "back"))
	if err != nil || string(got) != text {
		t.Errorf("cp there and back: got %q, %v", got, err)
	}
}

// testAttach speaks to the container's standard input, which is a cat, and
// hears it. The container keeps its input open, so attach lasts until it is
// ended, as with Kubernetes.
func testAttach(t *testing.T, c *Cluster, program []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program[0], append(program[1:len(program):len(program)], "attach", "-i", "talker")...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+c.Kubeconfig)
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cancel()
		_ = cmd.Wait() // ended by cancel
	}()
	if _, err := io.WriteString(in, "hello through attach\n"); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if lines.Text() == "hello through attach" {
			return
		}
	}
	t.Errorf("attach ended without an echo: %v", lines.Err())
}

func testPortForward(t *testing.T, c *Cluster, program []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program[0], append(program[1:len(program):len(program)], "port-forward", "svc/web", ":80")...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+c.Kubeconfig)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cancel()
		_ = cmd.Wait() // ended by cancel
	}()
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatal("port-forward said nothing")
	}
	address := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(lines.Text())
	for range 3 {
		answer, err := http.Get("http://" + address + "/healthz")
		if err != nil {
			t.Fatalf("through port-forward: %v", err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Errorf("through port-forward: %s", answer.Status)
		}
	}
}
