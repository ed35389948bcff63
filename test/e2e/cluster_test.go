//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// patience bounds every wait of these tests. Nothing takes nearly as long; it
// only turns a hang into a failure.
const patience = 90 * time.Second

// Cluster is a running cluster that ends with its test.
type Cluster struct {
	t          testing.TB
	Name       string
	Data       string
	Kubeconfig string
}

// minke is the built binary; MINKE names another one.
func minke() string {
	if path := os.Getenv("MINKE"); path != "" {
		return path
	}
	path, err := filepath.Abs("../../bin/minke")
	if err != nil {
		panic(err)
	}
	return path
}

// up starts a cluster, and registers its end and a check that nothing is left.
func up(t testing.TB, nodes int, flags ...string) *Cluster {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	c := &Cluster{t: t, Name: strings.ToLower(fmt.Sprintf("e2e-%d-%d", os.Getpid()%100000, time.Now().UnixNano()%100000))}
	c.Data = filepath.Join("/var/lib/minke/clusters", c.Name)
	before := traces(t, c)
	t.Cleanup(func() {
		if t.Failed() && testing.Verbose() {
			c.dump()
		}
		run(t, minke(), "down", "--name", c.Name)
		for _, trace := range traces(t, c) {
			if !slices.Contains(before, trace) {
				t.Errorf("minke down left behind: %s", trace)
			}
		}
	})
	c.start(nodes, flags...)
	return c
}

// start runs minke up; also for a cluster that was killed.
func (c *Cluster) start(nodes int, flags ...string) {
	c.t.Helper()
	args := append([]string{"up", "--detach", "--name", c.Name, "--nodes", fmt.Sprint(nodes)}, flags...)
	out := strings.TrimSpace(run(c.t, minke(), args...))
	lines := strings.Split(out, "\n")
	c.Kubeconfig = lines[len(lines)-1]
}

// kubectl runs minke's own kubectl and returns what it prints.
func (c *Cluster) kubectl(args ...string) string {
	c.t.Helper()
	return c.kubectlWith(minke(), append([]string{"kubectl"}, args...)...)
}

// kubectlWith runs any kubectl against the cluster.
func (c *Cluster) kubectlWith(program string, args ...string) string {
	c.t.Helper()
	out, err := c.try("", program, args...)
	if err != nil {
		c.t.Fatalf("%s %s: %v", filepath.Base(program), strings.Join(args, " "), err)
	}
	return out
}

// apply gives a manifest to kubectl apply.
func (c *Cluster) apply(manifest string) string {
	c.t.Helper()
	out, err := c.try(manifest, minke(), "kubectl", "apply", "-f", "-")
	if err != nil {
		c.t.Fatalf("apply: %v", err)
	}
	return out
}

// try runs a program with the cluster's kubeconfig and returns its standard
// output; the error holds its standard error.
func (c *Cluster) try(stdin, program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+c.Kubeconfig)
	cmd.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%w\n%s%s", err, out.String(), errs.String())
	}
	return out.String(), nil
}

// eventually calls check until it returns nil. It is for effects that kubectl
// wait cannot wait for.
func (c *Cluster) eventually(what string, check func() error) {
	c.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("%s: %v", what, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// dump shows what a failed test's cluster looked like.
func (c *Cluster) dump() {
	for _, args := range [][]string{{"get", "nodes,pods,services", "-A", "-o", "wide"}, {"get", "events", "-A"}} {
		out, err := c.try("", minke(), append([]string{"kubectl"}, args...)...)
		c.t.Logf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	logs, err := filepath.Glob(filepath.Join(c.Data, "log", "*.log"))
	if err != nil {
		c.t.Log(err)
	}
	for _, log := range logs {
		data, err := os.ReadFile(log)
		if err != nil {
			c.t.Log(err)
		}
		lines := strings.Split(string(data), "\n")
		c.t.Logf("%s:\n%s", log, strings.Join(lines[max(0, len(lines)-60):], "\n"))
	}
}

// run runs a program to its success and returns its standard output.
func run(t testing.TB, program string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", filepath.Base(program), strings.Join(args, " "), err, out.String(), errs.String())
	}
	return out.String()
}
