// Command bench measures a cluster of one node on this machine and prints
// tables: start-up, memory at rest, how soon a pod is Ready, and the API's
// throughput. It needs root and a built bin/minke:
//
//	go run ./test/bench [-runs 5] [-only startup,memory,pods,api,flood]
//
// The load shares the machine's processors with the server: compare only
// within one run on one machine.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// bench is a run with its cluster.
type bench struct {
	minke   string
	name    string
	runs    int
	config  *rest.Config
	objects int
	// flags are added to minke up.
	flags []string
	part  part // the processors that the cluster runs on
}

func main() {
	b := &bench{}
	only := flag.String("only", "startup,memory,pods,api,flood", "what to measure")
	flag.StringVar(&b.minke, "minke", "bin/minke", "the binary to measure")
	flag.IntVar(&b.runs, "runs", 5, "repetitions; medians are printed")
	flag.IntVar(&b.objects, "objects", 5000, "objects in the API phases")
	flag.Parse()
	b.name = fmt.Sprintf("bench-%d", os.Getpid())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if settings := os.Getenv(sourceVariable); settings != "" {
		if err := beSource(ctx, settings); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	err := b.run(ctx, strings.Split(*only, ","))
	if downErr := b.down(); err == nil {
		err = downErr
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (b *bench) run(ctx context.Context, only []string) error {
	phases := []struct {
		name string
		run  func(context.Context) error
	}{{"startup", b.startup}, {"memory", b.memory}, {"pods", b.pods}, {"api", b.api}, {"flood", b.flood}}
	for _, p := range phases {
		if !slices.Contains(only, p.name) {
			continue
		}
		fmt.Printf("\n## %s\n\n", p.name)
		if err := p.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

// up starts the cluster, or finds it running, and connects to it.
func (b *bench) up(ctx context.Context) error {
	args := append([]string{"up", "--detach", "--isolated", "--name", b.name}, b.flags...)
	var out []byte
	err := b.part.run(func() (err error) {
		out, err = exec.CommandContext(ctx, b.minke, args...).Output()
		return err
	})
	if err != nil {
		return fmt.Errorf("minke up: %w", err)
	}
	b.config, err = clientcmd.BuildConfigFromFlags("", strings.TrimSpace(string(out)))
	if err != nil {
		return err
	}
	b.config.QPS, b.config.Burst = -1, -1
	return nil
}

func (b *bench) down() error {
	return exec.Command(b.minke, "down", "--name", b.name).Run()
}

// row prints one line of a table.
func row(what string, values ...any) {
	fmt.Printf("| %-44s |", what)
	for _, v := range values {
		fmt.Printf(" %v |", v)
	}
	fmt.Println()
}

// percentile returns the p-th percentile of durations, which it sorts.
func percentile(d []time.Duration, p float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	slices.Sort(d)
	return d[min(len(d)-1, int(p/100*float64(len(d))))]
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }
