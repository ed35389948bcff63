package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/common/expfmt"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	statsv1 "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
	"minke/kubelet/cri"
)

func (s *Server) answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		s.log.Debug("answer", "err", err)
	}
}

func (s *Server) listPods(w http.ResponseWriter, r *http.Request) {
	list := corev1.PodList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PodList"}, Items: []corev1.Pod{}}
	for _, p := range s.Pods() {
		list.Items = append(list.Items, *p)
	}
	s.answer(w, list)
}

func (s *Server) podStats(r *http.Request) ([]*runtimeapi.PodSandboxStats, error) {
	answer, err := s.Runtime.ListPodSandboxStats(r.Context(), &runtimeapi.ListPodSandboxStatsRequest{})
	if err != nil {
		return nil, err
	}
	return answer.Stats, nil
}

func value(v *runtimeapi.UInt64Value) *uint64 {
	if v == nil {
		return nil
	}
	return &v.Value
}

func cpu(c *runtimeapi.CpuUsage) *statsv1.CPUStats {
	if c == nil {
		return nil
	}
	return &statsv1.CPUStats{Time: metav1.Unix(0, c.Timestamp), UsageCoreNanoSeconds: value(c.UsageCoreNanoSeconds), UsageNanoCores: value(c.UsageNanoCores)}
}

func memory(m *runtimeapi.MemoryUsage) *statsv1.MemoryStats {
	if m == nil {
		return nil
	}
	return &statsv1.MemoryStats{Time: metav1.Unix(0, m.Timestamp), WorkingSetBytes: value(m.WorkingSetBytes), UsageBytes: value(m.UsageBytes),
		RSSBytes: value(m.RssBytes), AvailableBytes: value(m.AvailableBytes), PageFaults: value(m.PageFaults), MajorPageFaults: value(m.MajorPageFaults)}
}

func network(n *runtimeapi.NetworkUsage) *statsv1.NetworkStats {
	if n == nil || n.DefaultInterface == nil {
		return nil
	}
	i := n.DefaultInterface
	return &statsv1.NetworkStats{Time: metav1.Unix(0, n.Timestamp), InterfaceStats: statsv1.InterfaceStats{Name: i.Name,
		RxBytes: value(i.RxBytes), RxErrors: value(i.RxErrors), TxBytes: value(i.TxBytes), TxErrors: value(i.TxErrors)}}
}

// summary answers /stats/summary.
func (s *Server) summary(w http.ResponseWriter, r *http.Request) {
	stats, err := s.podStats(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	out := statsv1.Summary{Node: statsv1.NodeStats{NodeName: s.NodeName, StartTime: metav1.NewTime(s.Started)}, Pods: []statsv1.PodStats{}}
	var cores, working, nano uint64
	starts, err := s.starts(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	for _, p := range stats {
		a := p.GetAttributes()
		ps := statsv1.PodStats{PodRef: statsv1.PodReference{Name: a.GetMetadata().GetName(), Namespace: a.GetMetadata().GetNamespace(), UID: a.GetMetadata().GetUid()},
			Containers: []statsv1.ContainerStats{}, CPU: cpu(p.GetLinux().GetCpu()), Memory: memory(p.GetLinux().GetMemory()), Network: network(p.GetLinux().GetNetwork())}
		for _, c := range p.GetLinux().GetContainers() {
			ps.Containers = append(ps.Containers, statsv1.ContainerStats{Name: c.GetAttributes().GetMetadata().GetName(), StartTime: metav1.Unix(0, starts[c.GetAttributes().GetId()]), CPU: cpu(c.Cpu), Memory: memory(c.Memory)})
		}
		cores += p.GetLinux().GetCpu().GetUsageCoreNanoSeconds().GetValue()
		nano += p.GetLinux().GetCpu().GetUsageNanoCores().GetValue()
		working += p.GetLinux().GetMemory().GetWorkingSetBytes().GetValue()
		out.Pods = append(out.Pods, ps)
	}
	now := metav1.Now()
	out.Node.CPU = &statsv1.CPUStats{Time: now, UsageCoreNanoSeconds: &cores, UsageNanoCores: &nano}
	out.Node.Memory = &statsv1.MemoryStats{Time: now, WorkingSetBytes: &working}
	s.answer(w, out)
}

// exposition writes Prometheus' text format.
type exposition struct{ strings.Builder }

func (e *exposition) family(name, kind, help string) {
	fmt.Fprintf(e, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

func (e *exposition) sample(name, labels string, v float64, at int64) {
	fmt.Fprintf(e, "%s%s %g", name, labels, v)
	if at > 0 {
		fmt.Fprintf(e, " %d", at/int64(time.Millisecond))
	}
	e.WriteByte('\n')
}

// resourceMetrics answers /metrics/resource, which metrics-server reads.
func (s *Server) resourceMetrics(w http.ResponseWriter, r *http.Request) {
	stats, err := s.podStats(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	var e exposition
	var cores, working float64
	e.family("container_cpu_usage_seconds_total", "counter", "Cumulative cpu time consumed by the container in core-seconds")
	eachContainer(stats, func(labels string, c *runtimeapi.ContainerStats) {
		e.sample("container_cpu_usage_seconds_total", labels, float64(c.GetCpu().GetUsageCoreNanoSeconds().GetValue())/1e9, c.GetCpu().GetTimestamp())
	})
	if starts, err := s.starts(r); err == nil {
		e.family("container_start_time_seconds", "gauge", "Start time of the container since unix epoch in seconds")
		eachContainer(stats, func(labels string, c *runtimeapi.ContainerStats) {
			if at, ok := starts[c.GetAttributes().GetId()]; ok {
				e.sample("container_start_time_seconds", labels, float64(at)/1e9, 0)
			}
		})
	}
	e.family("container_memory_working_set_bytes", "gauge", "Current working set of the container in bytes")
	eachContainer(stats, func(labels string, c *runtimeapi.ContainerStats) {
		e.sample("container_memory_working_set_bytes", labels, float64(c.GetMemory().GetWorkingSetBytes().GetValue()), c.GetMemory().GetTimestamp())
	})
	e.family("pod_cpu_usage_seconds_total", "counter", "Cumulative cpu time consumed by the pod in core-seconds")
	for _, p := range stats {
		v := float64(p.GetLinux().GetCpu().GetUsageCoreNanoSeconds().GetValue()) / 1e9
		cores += v
		e.sample("pod_cpu_usage_seconds_total", podLabels(p), v, p.GetLinux().GetCpu().GetTimestamp())
	}
	e.family("pod_memory_working_set_bytes", "gauge", "Current working set of the pod in bytes")
	for _, p := range stats {
		v := float64(p.GetLinux().GetMemory().GetWorkingSetBytes().GetValue())
		working += v
		e.sample("pod_memory_working_set_bytes", podLabels(p), v, p.GetLinux().GetMemory().GetTimestamp())
	}
	e.family("node_cpu_usage_seconds_total", "counter", "Cumulative cpu time consumed by the node's pods in core-seconds")
	e.sample("node_cpu_usage_seconds_total", "", cores, 0)
	e.family("node_memory_working_set_bytes", "gauge", "Current working set of the node's pods in bytes")
	e.sample("node_memory_working_set_bytes", "", working, 0)
	e.family("resource_scrape_error", "gauge", "1 if there was an error while getting container metrics, 0 otherwise")
	e.sample("resource_scrape_error", "", 0, 0)
	s.text(w, e.String())
}

// starts tells when each container was made, in nanoseconds.
func (s *Server) starts(r *http.Request) (map[string]int64, error) {
	list, err := s.Runtime.ListContainers(r.Context(), &runtimeapi.ListContainersRequest{})
	if err != nil {
		return nil, err
	}
	out := make(map[string]int64, len(list.Containers))
	for _, c := range list.Containers {
		out[c.Id] = c.CreatedAt
	}
	return out, nil
}

func eachContainer(stats []*runtimeapi.PodSandboxStats, f func(labels string, c *runtimeapi.ContainerStats)) {
	for _, p := range stats {
		m := p.GetAttributes().GetMetadata()
		for _, c := range p.GetLinux().GetContainers() {
			f(fmt.Sprintf("{container=%q,namespace=%q,pod=%q}", c.GetAttributes().GetMetadata().GetName(), m.GetNamespace(), m.GetName()), c)
		}
	}
}

func podLabels(p *runtimeapi.PodSandboxStats) string {
	m := p.GetAttributes().GetMetadata()
	return fmt.Sprintf("{namespace=%q,pod=%q}", m.GetNamespace(), m.GetName())
}

// metrics answers /metrics: what the kubelet says of itself.
func (s *Server) metrics(w http.ResponseWriter, r *http.Request) {
	list, err := s.Runtime.ListContainers(r.Context(), &runtimeapi.ListContainersRequest{})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	states, running := map[string]int{}, map[string]bool{}
	for _, c := range list.Containers {
		states[strings.ToLower(strings.TrimPrefix(c.State.String(), "CONTAINER_"))]++
		if c.State == runtimeapi.ContainerState_CONTAINER_RUNNING {
			running[c.Labels[cri.LabelPodUID]] = true
		}
	}
	var e exposition
	e.family("kubelet_node_name", "gauge", "The node's name. The count is always 1.")
	e.sample("kubelet_node_name", fmt.Sprintf("{node=%q}", s.NodeName), 1, 0)
	e.family("kubelet_running_pods", "gauge", "Number of pods that have a running container")
	e.sample("kubelet_running_pods", "", float64(len(running)), 0)
	e.family("kubelet_desired_pods", "gauge", "The number of pods the kubelet is being instructed to run")
	e.sample("kubelet_desired_pods", "", float64(len(s.Pods())), 0)
	e.family("kubelet_running_containers", "gauge", "Number of containers by state")
	for _, state := range []string{"created", "exited", "running", "unknown"} {
		e.sample("kubelet_running_containers", fmt.Sprintf("{container_state=%q}", state), float64(states[state]), 0)
	}
	if err := s.addOthers(&e); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	s.text(w, e.String())
}

// addOthers adds the metrics of other parts.
func (s *Server) addOthers(e *exposition) error {
	families, err := s.others.Gather()
	if err != nil {
		return err
	}
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(e, f); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) text(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	fmt.Fprint(w, body)
}
