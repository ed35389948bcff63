package kubelet

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"minke/client"
	"minke/client/events"
	"minke/kubelet/cgroup"
	"minke/kubelet/cri"
	"minke/kubelet/eviction"
	"minke/kubelet/image"
	"minke/kubelet/node"
	"minke/kubelet/objects"
	"minke/kubelet/pods"
	"minke/kubelet/probe"
	"minke/kubelet/spec"
	"minke/kubelet/status"
	"minke/kubelet/volume"
	"minke/tracing"
)

// maxProbes bounds the probes that run at one time.
const maxProbes = 64

// Kubelet is one node.
type Kubelet struct {
	Config
	log      *slog.Logger
	recorder *events.Recorder
	node     *node.Manager
	ends     ends

	podInformer  client.Informer[*corev1.Pod]
	nodeInformer client.Informer[*corev1.Node]
	services     client.Informer[*corev1.Service]

	// Made by Run, which they do not outlive.
	pods       *pods.Manager
	configMaps *objects.Cache[*corev1.ConfigMap]
	secrets    *objects.Cache[*corev1.Secret]
	bundles    *objects.All[*certificatesv1.ClusterTrustBundle]
	requests   *objects.All[*certificatesv1.PodCertificateRequest]
	cgroups    cgroup.Tree
	evictions  *eviction.Manager
	images     *image.Collector
	started    time.Time
}

// New makes a node from its configuration; nothing happens before Run. The
// informers it needs are asked for here, so that a Start of shared informers
// that follows covers them.
func New(c Config) (*Kubelet, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	if c.Tracer != nil {
		// An API server in this process has spans of its own, or none.
		c.API = client.Within(c.API, tracing.Without)
		c.Runtime, c.Images = cri.Traced(c.Runtime), cri.TracedImages(c.Images)
	}
	k := &Kubelet{Config: c, log: slog.Default().With("part", "kubelet", "node", c.NodeName)}
	k.recorder = events.NewRecorder(c.API, "kubelet", c.NodeName)
	k.podInformer = client.InformerOf(c.Informers, client.Pods, client.WithFields("spec.nodeName="+c.NodeName))
	k.nodeInformer = client.InformerOf(c.Informers, client.Nodes, client.WithFields("metadata.name="+c.NodeName))
	k.services = client.InformerOf(c.Informers, client.Services)
	if k.Capacity == nil {
		capacity, err := node.Capacity(c.RootDir, int64(c.MaxPods))
		if err != nil {
			return nil, err
		}
		k.Capacity = capacity
	}
	k.node = node.New(node.Config{
		Name: c.NodeName, Labels: c.Labels, Taints: c.Taints, IPs: c.NodeIPs, Port: c.Server.Port, Version: c.Version,
		Capacity: k.Capacity, Allocatable: node.Allocatable(k.Capacity, c.Reserved),
		API: c.API, Runtime: c.Runtime, Images: c.Images, Record: k.recordNode,
		Pressures: k.pressures,
	})
	k.nodeInformer.Handle(client.Handler[*corev1.Node]{
		Add:    k.node.Seen,
		Update: func(_, n *corev1.Node) { k.node.Seen(n) },
	})
	return k, nil
}

// pressures are the node's conditions that eviction owns, once it runs.
func (k *Kubelet) pressures() []corev1.NodeCondition {
	if k.evictions == nil {
		return nil
	}
	return k.evictions.Conditions()
}

// Wake makes the node look at its readiness now. The assembler calls it when
// what the runtime's readiness depends on has changed, such as the network.
func (k *Kubelet) Wake() { k.node.Wake() }

// Run is the node's life until ctx ends. Its containers live on.
func (k *Kubelet) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	k.started = time.Now()
	version, err := k.runtimeVersion(ctx)
	if err != nil {
		return err
	}
	k.cgroups = cgroup.Tree{Root: k.CgroupRoot}
	if err := k.cgroups.Init(); err != nil {
		return fmt.Errorf("kubelet: %w", err)
	}
	statuses := k.assemble(ctx, version.RuntimeName)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { k.recorder.Run(ctx) })
	k.recordNode(corev1.EventTypeNormal, "Starting", "Starting kubelet.")
	wg.Go(func() { k.node.Run(ctx) })
	wg.Go(func() { k.node.RunLease(ctx) })
	k.Informers.Start(ctx)
	serving := make(chan error, 1)
	wg.Go(func() { serving <- k.serve(ctx) })
	if err := k.awaitInformers(ctx); err != nil {
		return nil // ctx ended
	}
	statuses.Start(ctx)
	// Events are taken before the first listing, so that none is missed.
	wg.Go(func() { k.followRuntime(ctx) })
	if err := k.startPods(ctx); err != nil {
		return err
	}
	wg.Go(func() { k.housekeep(ctx) })
	select {
	case <-ctx.Done():
		err = nil
	case err = <-serving:
	}
	cancel()
	k.pods.Stop()
	statuses.Stop()
	k.configMaps.Wait()
	k.secrets.Wait()
	return err
}

// runtimeVersion waits for the runtime to answer.
func (k *Kubelet) runtimeVersion(ctx context.Context) (*runtimeapi.VersionResponse, error) {
	for delay := 50 * time.Millisecond; ; delay = min(2*delay, 5*time.Second) {
		v, err := k.Runtime.Version(ctx, &runtimeapi.VersionRequest{})
		if err == nil {
			return v, nil
		}
		k.log.Warn("the container runtime does not answer yet", "err", err)
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(delay):
		}
	}
}

// assemble makes the parts that live as long as ctx.
func (k *Kubelet) assemble(ctx context.Context, runtimeName string) *status.Manager {
	kick := func(uid types.UID) { k.pods.Kick(uid) }
	k.configMaps = objects.New(ctx, k.API, client.ConfigMaps, kick)
	k.secrets = objects.New(ctx, k.API, client.Secrets, kick)
	k.bundles = objects.NewAll(ctx, k.API, client.ClusterTrustBundles, nil, kick)
	k.requests = objects.NewAll(ctx, k.API, client.PodCertificateRequests, func(r *certificatesv1.PodCertificateRequest) types.UID { return r.Spec.PodUID },
		kick, client.WithFields("spec.nodeName="+k.NodeName))
	builder := &spec.Builder{
		NodeName: k.NodeName, NodeIPs: k.NodeIPs, ClusterDNS: k.ClusterDNS, ClusterDomain: k.ClusterDomain,
		RootDir: k.RootDir, LogDir: k.LogDir, ResolvConf: k.ResolvConf, HostsFile: k.HostsFile,
		Allocatable:    func() corev1.ResourceList { return node.Allocatable(k.Capacity, k.Reserved) },
		MemoryCapacity: k.Capacity.Memory().Value(),
		Services:       func(namespace string) []*corev1.Service { return k.services.List(namespace, nil) },
		ConfigMap:      k.ConfigMap, Secret: k.Secret,
	}
	prober := &probe.Prober{Runtime: k.Runtime, Dial: k.Dial}
	probes := probe.NewManager(ctx, prober, maxProbes)
	probes.Changed = kick
	probes.Record = func(pod *corev1.Pod, container, reason, message string) {
		k.Record(pod, container, corev1.EventTypeWarning, reason, message)
	}
	statuses := status.NewManager(k.API)
	k.pods = pods.New(ctx, pods.Config{
		Runtime: k.Runtime, RuntimeName: runtimeName,
		Puller: &image.Puller{Images: k.Images, Parallel: k.ParallelPulls},
		Spec:   builder,
		Volumes: &volume.Manager{Root: k.RootDir, Source: k, Downward: builder, Mounter: k.Mounter,
			Record: func(pod *corev1.Pod, kind, reason, message string) { k.Record(pod, "", kind, reason, message) }},
		Cgroups: k.cgroups, Probes: probes, Status: statuses, Recorder: k,
		Secret: k.Secret, Handler: k.runtimeHandler, Node: k.node.Node, ContainerLogs: k.ContainerLogsDir,
		Tracer: k.Tracer,
		Forget: func(uid types.UID) {
			k.configMaps.Forget(uid)
			k.secrets.Forget(uid)
			k.bundles.Forget(uid)
			k.requests.Forget(uid)
		},
	})
	k.evictions = k.newEvictions(builder)
	return statuses
}

func (k *Kubelet) awaitInformers(ctx context.Context) error {
	// Admission needs the node itself.
	for _, done := range []<-chan struct{}{k.podInformer.Synced(), k.services.Synced(), k.node.Registered()} {
		select {
		case <-done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// startPods gives the workers all pods of the node, then lets them work.
func (k *Kubelet) startPods(ctx context.Context) error {
	for _, pod := range k.podInformer.List("", nil) {
		k.pods.Update(pod)
	}
	k.podInformer.Handle(client.Handler[*corev1.Pod]{
		Add:    k.pods.Update,
		Update: k.updated,
		Delete: k.pods.Delete,
	})
	return k.pods.Start(ctx)
}

// updated takes a name that was given to another pod for what it is.
func (k *Kubelet) updated(old, pod *corev1.Pod) {
	if old.UID != pod.UID {
		k.pods.Delete(old)
	}
	k.pods.Update(pod)
}

// recordNode records an event about the node; such events carry the node's name
// as UID, as everybody who looks for them expects.
func (k *Kubelet) recordNode(kind, reason, message string) {
	ref := corev1.ObjectReference{APIVersion: "v1", Kind: "Node", Name: k.NodeName, UID: types.UID(k.NodeName), Namespace: metav1.NamespaceNone}
	k.recorder.EventFor(ref, kind, reason, "%s", shown(message))
}
