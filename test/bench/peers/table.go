package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// startPhase is the phase before all others, whose Seconds are the start-up.
const startPhase = "start"

// result is one phase as apibench reports it.
type result struct {
	Phase     string  `json:"phase"`
	Errors    int     `json:"errors"`
	Seconds   float64 `json:"seconds"`
	PerSecond float64 `json:"per_second"`
	MiBPerSec float64 `json:"mib_per_second"`
	PerCPU    float64 `json:"operations_per_cpu_s"`
	CPU       float64 `json:"server_cpu_s"`
	Latency   struct {
		P50 float64 `json:"p50_ms"`
		P99 float64 `json:"p99_ms"`
	} `json:"latency"`
	Servers []struct {
		Peak  float64 `json:"rss_peak_mib"`
		After float64 `json:"rss_after_mib"`
	} `json:"servers"`
}

type results []result

func readResults(path string) (results, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var all struct{ Results results }
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return all.Results, nil
}

// figure is what is compared of a phase.
type figure struct {
	phase, unit string
	of          func(result) float64
	// target is by what factor Minke is to be better; zero for none.
	target float64
	// less tells that less is better.
	less bool
}

func perCPU(r result) float64 { return r.PerCPU }

func mibPerCPU(r result) float64 {
	if r.CPU == 0 {
		return 0
	}
	return r.MiBPerSec * r.Seconds / r.CPU
}

// milliseconds is how long the phase took.
func milliseconds(r result) float64 { return 1000 * r.Seconds }

func p99(r result) float64 { return r.Latency.P99 }

// memory is that of the API server, without its store where that is apart.
func memory(r result) float64 {
	if len(r.Servers) == 0 {
		return 0
	}
	return r.Servers[0].After
}

var figures = []figure{
	{phase: startPhase, unit: "ms to /readyz", of: milliseconds, target: 2, less: true},
	{phase: "create", unit: "per CPU-s", of: perCPU, target: 5},
	{phase: "get", unit: "per CPU-s", of: perCPU, target: 8},
	{phase: "list", unit: "MiB per CPU-s", of: mibPerCPU, target: 15},
	{phase: "list rv=0", unit: "MiB per CPU-s", of: mibPerCPU},
	{phase: "list gzip", unit: "MiB per CPU-s", of: mibPerCPU},
	{phase: "list limit=500", unit: "MiB per CPU-s", of: mibPerCPU},
	{phase: "list label 1%", unit: "per CPU-s", of: perCPU},
	{phase: "watch-list", unit: "MiB per CPU-s", of: mibPerCPU},
	{phase: "update", unit: "per CPU-s", of: perCPU},
	{phase: "merge patch", unit: "per CPU-s", of: perCPU},
	{phase: "apply", unit: "per CPU-s", of: perCPU, target: 5},
	{phase: "watch paced", unit: "events per CPU-s", of: perCPU, target: 10},
	{phase: "watch burst", unit: "events per CPU-s", of: perCPU, target: 10},
	{phase: "delete", unit: "per CPU-s", of: perCPU},
	{phase: "deletecollection", unit: "objects per CPU-s", of: perCPU},
	{phase: "create", unit: "p99 ms", of: p99, less: true},
	{phase: "get", unit: "p99 ms", of: p99, less: true},
	{phase: "apply", unit: "p99 ms", of: p99, less: true},
	{phase: "watch paced", unit: "p99 ms", of: p99, less: true},
	{phase: "create", unit: "MiB after", of: memory, less: true},
	{phase: "apply", unit: "MiB after", of: memory, target: 10, less: true},
	{phase: "watch burst", unit: "MiB after", of: memory, less: true},
}

func (r results) find(phase string) (result, bool) {
	i := slices.IndexFunc(r, func(one result) bool { return one.Phase == phase })
	if i < 0 {
		return result{}, false
	}
	return r[i], true
}

// measured is the median of each figure, by its place in figures.
type measured []float64

func medians(runs []results) measured {
	out := make(measured, len(figures))
	for i, f := range figures {
		var values []float64
		for _, run := range runs {
			if r, ok := run.find(f.phase); ok {
				values = append(values, f.of(r))
			}
		}
		if slices.Sort(values); len(values) > 0 {
			out[i] = values[len(values)/2]
		}
	}
	return out
}

// table compares the peer with Minke; builtIn are Minke's figures for a kind
// that the peer does not have.
func table(o options, theirs, ours, builtIn measured) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured %s: %d objects of 1 KiB, 32 clients, %d watchers of %d updates, %d run(s), custom resources.\n\n",
		time.Now().UTC().Format(time.DateOnly), o.objects, o.watchers, o.updates, o.runs)
	b.WriteString("| phase | figure | upstream + etcd | Minke | ratio | target | Minke, ConfigMaps |\n|---|---|---|---|---|---|---|\n")
	for i, f := range figures {
		ratio := "–"
		better, than := ours[i], theirs[i]
		if f.less {
			better, than = than, better
		}
		if than > 0 {
			ratio = fmt.Sprintf("%.1f", better/than)
		}
		target := ""
		if f.target > 0 {
			target = fmt.Sprintf("%g", f.target)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", f.phase, f.unit,
			number(theirs[i]), number(ours[i]), ratio, target, number(builtIn[i]))
	}
	return b.String()
}

// number is v with three digits or so.
func number(v float64) string {
	switch {
	case v < 10:
		return fmt.Sprintf("%.2f", v)
	case v < 100:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}
