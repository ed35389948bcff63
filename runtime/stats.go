package runtime

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/opencontainers/cgroups"
	"google.golang.org/grpc"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"minke/runtime/cgroup"
	"minke/runtime/image"
)

// cpuRates turns totals into rates, between one asking and the next.
type cpuRates struct {
	mu   sync.Mutex // guards last
	last map[string]cpuSample
}

type cpuSample struct {
	at    time.Time
	total uint64 // nanoseconds of CPU time
	rate  uint64 // nanocores
}

// minSpan keeps two who ask at nearly the same time from seeing noise.
const minSpan = 500 * time.Millisecond

func (c *cpuRates) rate(id string, at time.Time, total uint64) *runtimeapi.UInt64Value {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last == nil {
		c.last = map[string]cpuSample{}
	}
	old, ok := c.last[id]
	if ok && at.Sub(old.at) < minSpan {
		return &runtimeapi.UInt64Value{Value: old.rate}
	}
	s := cpuSample{at: at, total: total}
	if ok && total >= old.total {
		s.rate = uint64(float64(total-old.total) / at.Sub(old.at).Seconds())
	}
	c.last[id] = s
	return &runtimeapi.UInt64Value{Value: s.rate}
}

func (c *cpuRates) forget(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.last, id)
}

func value(n uint64) *runtimeapi.UInt64Value { return &runtimeapi.UInt64Value{Value: n} }

func (r *Runtime) cpuUsage(id string, at time.Time, s *cgroups.Stats) *runtimeapi.CpuUsage {
	total := s.CpuStats.CpuUsage.TotalUsage
	return &runtimeapi.CpuUsage{Timestamp: at.UnixNano(), UsageCoreNanoSeconds: value(total), UsageNanoCores: r.cpu.rate(id, at, total)}
}

// memoryUsage names the working set as the kubelet counts it: what is in use
// without the file pages that could be dropped at once.
func memoryUsage(at time.Time, s *cgroups.Stats) *runtimeapi.MemoryUsage {
	m := s.MemoryStats
	inactive, rss, prefix := m.Stats["total_inactive_file"], m.Stats["total_rss"], "total_"
	if cgroup.V2() {
		inactive, rss, prefix = m.Stats["inactive_file"], m.Stats["anon"], ""
	}
	working := m.Usage.Usage - min(inactive, m.Usage.Usage)
	out := &runtimeapi.MemoryUsage{
		Timestamp: at.UnixNano(), WorkingSetBytes: value(working), UsageBytes: value(m.Usage.Usage), RssBytes: value(rss),
		PageFaults: value(m.Stats[prefix+"pgfault"]), MajorPageFaults: value(m.Stats[prefix+"pgmajfault"]),
	}
	if m.Usage.Limit > 0 && m.Usage.Limit < 1<<60 {
		out.AvailableBytes = value(m.Usage.Limit - min(working, m.Usage.Limit))
	}
	return out
}

func (r *Runtime) containerStats(c *container) (*runtimeapi.ContainerStats, error) {
	out := &runtimeapi.ContainerStats{Attributes: &runtimeapi.ContainerAttributes{
		Id: c.ID, Metadata: c.config.GetMetadata(), Labels: c.config.GetLabels(), Annotations: c.config.GetAnnotations(),
	}}
	bytes, inodes, err := image.DiskUsage(filepath.Join(r.writableDir(c.ID), "upper"))
	if err != nil {
		return nil, err
	}
	at := r.now()
	out.WritableLayer = &runtimeapi.FilesystemUsage{
		Timestamp: at.UnixNano(), FsId: &runtimeapi.FilesystemIdentifier{Mountpoint: r.layersDir()}, UsedBytes: value(bytes), InodesUsed: value(inodes),
	}
	r.mu.RLock()
	running := c.state == runtimeapi.ContainerState_CONTAINER_RUNNING
	r.mu.RUnlock()
	if !running {
		return out, nil
	}
	g, err := r.groupOf(c)
	if err != nil {
		return nil, err
	}
	s, err := g.Stats()
	if err != nil {
		return out, nil // it has just ended
	}
	out.Cpu, out.Memory = r.cpuUsage(c.ID, at, s), memoryUsage(at, s)
	return out, nil
}

// ContainerStats tells what a container uses.
func (r *Runtime) ContainerStats(_ context.Context, req *runtimeapi.ContainerStatsRequest) (*runtimeapi.ContainerStatsResponse, error) {
	c, err := r.container(req.GetContainerId())
	if err != nil {
		return nil, err
	}
	s, err := r.containerStats(c)
	if err != nil {
		return nil, fmt.Errorf("stats of container %s: %w", c.ID, err)
	}
	return &runtimeapi.ContainerStatsResponse{Stats: s}, nil
}

// ListContainerStats tells what the running containers use.
func (r *Runtime) ListContainerStats(_ context.Context, req *runtimeapi.ListContainerStatsRequest) (*runtimeapi.ListContainerStatsResponse, error) {
	f := req.GetFilter()
	var chosen []*container
	r.mu.RLock()
	for _, c := range r.containers {
		if c.state == runtimeapi.ContainerState_CONTAINER_RUNNING && hasPrefix(c.ID, f.GetId()) && hasPrefix(c.SandboxID, f.GetPodSandboxId()) &&
			selects(f.GetLabelSelector(), c.config.GetLabels()) {
			chosen = append(chosen, c)
		}
	}
	r.mu.RUnlock()
	out := &runtimeapi.ListContainerStatsResponse{}
	for _, c := range chosen {
		s, err := r.containerStats(c)
		if err != nil {
			return nil, fmt.Errorf("stats of container %s: %w", c.ID, err)
		}
		out.Stats = append(out.Stats, s)
	}
	return out, nil
}

// podStats sums over the pod's containers: the helper is not the pod's to pay.
func (r *Runtime) podStats(s *sandbox) (*runtimeapi.PodSandboxStats, error) {
	at := r.now().UnixNano()
	cpu := &runtimeapi.CpuUsage{Timestamp: at, UsageCoreNanoSeconds: value(0), UsageNanoCores: value(0)}
	memory := &runtimeapi.MemoryUsage{Timestamp: at, WorkingSetBytes: value(0), UsageBytes: value(0), RssBytes: value(0), PageFaults: value(0), MajorPageFaults: value(0)}
	linux := &runtimeapi.LinuxPodSandboxStats{Cpu: cpu, Memory: memory, Process: &runtimeapi.ProcessUsage{Timestamp: at, ProcessCount: value(0)}}
	for _, c := range r.containersOf(s.ID) {
		st, err := r.containerStats(c)
		if err != nil {
			return nil, err
		}
		if st.Cpu == nil {
			continue
		}
		linux.Containers = append(linux.Containers, st)
		cpu.UsageCoreNanoSeconds.Value += st.Cpu.UsageCoreNanoSeconds.Value
		cpu.UsageNanoCores.Value += st.Cpu.UsageNanoCores.Value
		memory.WorkingSetBytes.Value += st.Memory.WorkingSetBytes.Value
		memory.UsageBytes.Value += st.Memory.UsageBytes.Value
		memory.RssBytes.Value += st.Memory.RssBytes.Value
		memory.PageFaults.Value += st.Memory.PageFaults.Value
		memory.MajorPageFaults.Value += st.Memory.MajorPageFaults.Value
		if g, err := r.groupOf(c); err == nil {
			linux.Process.ProcessCount.Value += uint64(g.Processes())
		}
	}
	if !hostNetwork(s.config) && s.ShimPID != 0 {
		linux.Network = networkUsage(s.ShimPID, at)
	}
	return &runtimeapi.PodSandboxStats{Linux: linux, Attributes: &runtimeapi.PodSandboxAttributes{
		Id: s.ID, Metadata: s.config.GetMetadata(), Labels: s.config.GetLabels(), Annotations: s.config.GetAnnotations(),
	}}, nil
}

// networkUsage reads the interfaces of the network namespace that the process
// is in; nil when the process is gone.
func networkUsage(pid int, at int64) *runtimeapi.NetworkUsage {
	f, err := os.Open(fmt.Sprintf("/proc/%d/net/dev", pid))
	if err != nil {
		return nil
	}
	defer f.Close()
	out := &runtimeapi.NetworkUsage{Timestamp: at}
	for s := bufio.NewScanner(f); s.Scan(); {
		name, rest, ok := strings.Cut(s.Text(), ":")
		fields := strings.Fields(rest)
		name = strings.TrimSpace(name)
		if !ok || len(fields) < 11 || name == "lo" {
			continue
		}
		number := func(i int) *runtimeapi.UInt64Value {
			n, _ := strconv.ParseUint(fields[i], 10, 64)
			return value(n)
		}
		u := &runtimeapi.NetworkInterfaceUsage{Name: name, RxBytes: number(0), RxErrors: number(2), TxBytes: number(8), TxErrors: number(10)}
		if name == "eth0" {
			out.DefaultInterface = u
		}
		out.Interfaces = append(out.Interfaces, u)
	}
	return out
}

// PodSandboxStats tells what a pod uses.
func (r *Runtime) PodSandboxStats(_ context.Context, req *runtimeapi.PodSandboxStatsRequest) (*runtimeapi.PodSandboxStatsResponse, error) {
	s, err := r.sandbox(req.GetPodSandboxId())
	if err != nil {
		return nil, err
	}
	st, err := r.podStats(s)
	if err != nil {
		return nil, fmt.Errorf("stats of sandbox %s: %w", s.ID, err)
	}
	return &runtimeapi.PodSandboxStatsResponse{Stats: st}, nil
}

// ListPodSandboxStats tells what the ready pods use.
func (r *Runtime) ListPodSandboxStats(_ context.Context, req *runtimeapi.ListPodSandboxStatsRequest) (*runtimeapi.ListPodSandboxStatsResponse, error) {
	f := req.GetFilter()
	var chosen []*sandbox
	r.mu.RLock()
	for _, s := range r.sandboxes {
		if s.Ready && hasPrefix(s.ID, f.GetId()) && selects(f.GetLabelSelector(), s.config.GetLabels()) {
			chosen = append(chosen, s)
		}
	}
	r.mu.RUnlock()
	out := &runtimeapi.ListPodSandboxStatsResponse{}
	for _, s := range chosen {
		st, err := r.podStats(s)
		if err != nil {
			return nil, fmt.Errorf("stats of sandbox %s: %w", s.ID, err)
		}
		out.Stats = append(out.Stats, st)
	}
	return out, nil
}

// StreamContainerStats is ListContainerStats in pieces.
func (r *Runtime) StreamContainerStats(req *runtimeapi.StreamContainerStatsRequest, stream grpc.ServerStreamingServer[runtimeapi.StreamContainerStatsResponse]) error {
	all, err := r.ListContainerStats(stream.Context(), &runtimeapi.ListContainerStatsRequest{Filter: req.GetFilter()})
	if err != nil {
		return err
	}
	return sendChunks(all.Stats, func(p []*runtimeapi.ContainerStats) error {
		return stream.Send(&runtimeapi.StreamContainerStatsResponse{ContainerStats: p})
	})
}

// StreamPodSandboxStats is ListPodSandboxStats in pieces.
func (r *Runtime) StreamPodSandboxStats(req *runtimeapi.StreamPodSandboxStatsRequest, stream grpc.ServerStreamingServer[runtimeapi.StreamPodSandboxStatsResponse]) error {
	all, err := r.ListPodSandboxStats(stream.Context(), &runtimeapi.ListPodSandboxStatsRequest{Filter: req.GetFilter()})
	if err != nil {
		return err
	}
	return sendChunks(all.Stats, func(p []*runtimeapi.PodSandboxStats) error {
		return stream.Send(&runtimeapi.StreamPodSandboxStatsResponse{PodSandboxStats: p})
	})
}
