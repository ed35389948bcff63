// Command peers measures Minke's API beside upstream's generic API server
// (k8s.io/apiextensions-apiserver on etcd), one after the other in one run, and
// prints a table with their ratios. It needs root, bin/minke, and the programs
// that test/peers/build.sh and `make bench-peers` put into build/peers:
//
//	make bench-peers [BENCH=DIR] [OBJECTS=20000]
//
// The figures are those of the bench tool's apibench, per second of CPU time
// that the servers and their store used: the load shares the processors. The
// peer runs at its best: no admission, no RBAC, no priority and fairness, as
// there is no core API behind it. Minke runs as `minke up` does, with all of
// them and with its controllers, scheduler and kubelet in the same process.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"minke/test/bench/await"
)

// custom is the resource that apibench defines and both serve; builtIn is what
// the peer does not have.
const (
	custom  = "benchobjects.v1.bench.example"
	builtIn = "configmaps.v1."
)

type options struct {
	minke, tools string
	objects      int
	watchers     int
	updates      int
	lists        int
	runs         int
	out          string
}

func main() {
	var o options
	flag.StringVar(&o.minke, "minke", "bin/minke", "the binary to measure")
	flag.StringVar(&o.tools, "tools", "build/peers", "where etcd, apiextensions-apiserver and apibench are")
	flag.IntVar(&o.objects, "n", 5000, "objects")
	flag.IntVar(&o.watchers, "watchers", 100, "watchers in the watch phases")
	flag.IntVar(&o.updates, "updates", 2000, "updates that they receive in each; the processes' CPU time is known to 10 ms")
	flag.IntVar(&o.lists, "lists", 30, "lists in each list phase")
	flag.IntVar(&o.runs, "runs", 1, "repetitions, each on fresh servers; medians are printed")
	flag.StringVar(&o.out, "out", "", "file for the table, too")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if address := os.Getenv(readerVariable); address != "" {
		if err := beReader(address); err != nil {
			fmt.Fprintln(os.Stderr, "reader:", err)
			os.Exit(1)
		}
		return
	}
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	var theirs, ours, oursBuiltIn []results
	for range o.runs {
		t, err := upstream(ctx, o)
		if err != nil {
			return fmt.Errorf("measure upstream: %w", err)
		}
		m, err := minke(ctx, o, custom)
		if err != nil {
			return fmt.Errorf("measure minke: %w", err)
		}
		b, err := minke(ctx, o, builtIn)
		if err != nil {
			return fmt.Errorf("measure minke: %w", err)
		}
		theirs, ours, oursBuiltIn = append(theirs, t), append(ours, m), append(oursBuiltIn, b)
	}
	least, err := floor(ctx, o.watchers)
	if err != nil {
		return fmt.Errorf("measure the floor: %w", err)
	}
	text := table(o, medians(theirs), medians(ours), medians(oursBuiltIn)) + least
	fmt.Print(text)
	if o.out == "" {
		return nil
	}
	return os.WriteFile(o.out, []byte(text), 0o644)
}

// apibench runs the bench tool against a server whose processes are pids, and
// that took so long to start.
func (o options) apibench(ctx context.Context, dir, kubeconfig, resource string, start time.Duration, pids ...int) (results, error) {
	out := filepath.Join(dir, "results.json")
	processes := make([]string, len(pids))
	for i, pid := range pids {
		processes[i] = strconv.Itoa(pid)
	}
	args := []string{"-kubeconfig", kubeconfig, "-resource", resource, "-n", strconv.Itoa(o.objects),
		"-watchers", strconv.Itoa(o.watchers), "-updates", strconv.Itoa(o.updates), "-lists", strconv.Itoa(o.lists),
		"-pid", strings.Join(processes, ","), "-out", out}
	if resource == custom {
		args = append(args, "-install-crd")
	}
	cmd := exec.CommandContext(ctx, filepath.Join(o.tools, "apibench"), args...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("run apibench: %w", err)
	}
	r, err := readResults(out)
	return append(r, result{Phase: startPhase, Seconds: start.Seconds()}), err
}

// minke measures a cluster of one node, made for this and taken down again.
func minke(ctx context.Context, o options, resource string) (r results, err error) {
	dir, err := os.MkdirTemp("", "peers-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	name := fmt.Sprintf("peers-%d", os.Getpid())
	defer func() {
		if downErr := exec.Command(o.minke, "down", "--name", name).Run(); err == nil && downErr != nil {
			err = fmt.Errorf("minke down: %w", downErr)
		}
	}()
	starting, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	up := exec.CommandContext(ctx, o.minke, "up", "--detach", "--isolated", "--name", name)
	began := time.Now()
	if err := up.Start(); err != nil {
		return nil, err
	}
	kubeconfig := filepath.Join("/var/lib/minke/clusters", name, "kubeconfig")
	config, err := await.Kubeconfig(starting, kubeconfig)
	if err != nil {
		return nil, err
	}
	if err := await.Ready(starting, config, "/readyz"); err != nil {
		return nil, err
	}
	took := time.Since(began)
	if err := up.Wait(); err != nil {
		return nil, fmt.Errorf("minke up: %w", err)
	}
	data, err := os.ReadFile(filepath.Join("/run/minke", name, "node-1", "pid"))
	if err != nil {
		return nil, err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		return nil, err
	}
	if err := settle(ctx); err != nil {
		return nil, err
	}
	return o.apibench(ctx, dir, kubeconfig, resource, took, pid)
}

// settle lets a server that was just started come to rest.
func settle(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(3 * time.Second):
		return nil
	}
}
