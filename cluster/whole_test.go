package cluster

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"minke/client"
	"minke/cluster/pki"
	"minke/kubelet"
	"minke/kubelet/eviction"
	"minke/kubelet/fakeruntime"
	"minke/kubelet/volume"
	"minke/store/cache"
	"minke/store/local"
)

// whole is a server with all its controllers, its scheduler and a node whose
// containers are make-believe: all parts that read the caches' own objects.
type whole struct {
	*testServer
	containers *fakeruntime.Runtime
	informers  *client.Informers
	changed    chan struct{} // capacity 1: an informer has heard of something
	ctx        context.Context
}

// noMounts pretends that nothing is ever mounted.
type noMounts struct{ volume.Mounter }

func (noMounts) Tmpfs(string, string) error       { return nil }
func (noMounts) Unmount(string) error             { return nil }
func (noMounts) Mounted(string) (bool, error)     { return false, nil }
func (noMounts) Beneath(string) ([]string, error) { return nil, nil }

func newWhole(t *testing.T) *whole {
	ca, err := pki.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s, err := prepare(ServerConfig{detector: cache.NewDetector(), DataDir: t.TempDir(), PKI: ca, Address: netip.MustParseAddr("192.0.2.10"), Port: 6443, NodeBits: 24,
		ServiceNet: netip.MustParsePrefix("10.96.0.0/16"), PodNet: netip.MustParsePrefix("10.244.0.0/16"), DNS: netip.MustParseAddr("10.96.0.10"), Domain: "cluster.local"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	if err := s.on(ctx, local.OpenMemory()); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	within, stop := context.WithTimeout(ctx, time.Minute)
	w := &whole{&testServer{t, s}, fakeruntime.New("web:1", "web:2"), client.NewInformers(s.self), make(chan struct{}, 1), within}
	ready, ended := make(chan struct{}), make(chan error, 2)
	go func() { ended <- s.Run(ctx, []net.Listener{l}, func() { close(ready) }) }()
	select {
	case <-ready:
	case err := <-ended:
		t.Fatal(err)
	}
	node, err := kubelet.New(kubelet.Config{
		Signals:  func() ([]eviction.Signal, error) { return nil, nil },
		NodeName: "n1", API: s.Client("system:node:n1", "system:nodes"), Runtime: w.containers, Images: w.containers, Mounter: noMounts{},
		RootDir: t.TempDir(), LogDir: t.TempDir(), NodeIPs: []string{"192.0.2.1"}, ResolvConf: "/dev/null",
		Capacity: corev1.ResourceList{"cpu": resource.MustParse("8"), "memory": resource.MustParse("16Gi"), "pods": resource.MustParse("50")},
	})
	if err != nil {
		t.Fatal(err)
	}
	go func() { ended <- node.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		cancel()
		for range 2 {
			if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
		w.unchanged("the end")
	})
	return w
}

// follow wakes await at every change of a kind.
func follow[T client.Object](w *whole, kind client.Kind[T]) client.Informer[T] {
	informer := client.InformerOf(w.informers, kind)
	wake := func() {
		select {
		case w.changed <- struct{}{}:
		default:
		}
	}
	informer.Handle(client.Handler[T]{Add: func(T) { wake() }, Update: func(T, T) { wake() }, Delete: func(T) { wake() }})
	return informer
}

// await returns when what is so.
func (w *whole) await(what string, so func() bool) {
	w.Helper()
	for !so() {
		select {
		case <-w.changed:
		case <-w.ctx.Done():
			w.Fatalf("it does not come to be that %s: the pods are %s", what, w.do("GET", "/api/v1/pods", "").Body)
		}
	}
	w.unchanged(what)
}

// create makes objects that are written as YAML flows, by the path where they go.
func (w *whole) create(objects ...string) {
	w.Helper()
	for _, o := range objects {
		path, body, _ := strings.Cut(o, " ")
		w.must(201, "POST", path, body)
	}
}

// TestPartsShareUnchanged lets all parts that share the caches' objects work on
// the life of workloads, and holds that none of them changes one.
func TestPartsShareUnchanged(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	w := newWhole(t)
	deployments, sets, daemons, jobs := follow(w, client.Deployments), follow(w, client.StatefulSets), follow(w, client.DaemonSets), follow(w, client.Jobs)
	pods, namespaces, accounts, slices := follow(w, client.Pods), follow(w, client.Namespaces), follow(w, client.ServiceAccounts), follow(w, client.EndpointSlices)
	nodes := follow(w, client.Nodes)
	w.informers.Start(w.ctx)
	w.create(`/api/v1/namespaces {"metadata":{"name":"shop"}}`)
	w.await("the namespace has an account and the node is ready", func() bool {
		_, ok := accounts.Get("shop", "default")
		n, there := nodes.Get("", "n1")
		return ok && there && n.Spec.PodCIDR != "" && len(n.Spec.Taints) == 0
	})
	const template = `"template":{"metadata":{"labels":{"app":"x"}},"spec":{"automountServiceAccountToken":false,"terminationGracePeriodSeconds":0,"containers":[{"name":"c","image":"web:1","resources":{"requests":{"cpu":"10m"}}}]}}`
	template2 := strings.Replace(template, "web:1", "web:2", 1)
	of := func(app, spec, template string) string {
		return `{"metadata":{"name":"` + app + `"},"spec":{` + spec + `"selector":{"matchLabels":{"app":"` + app + `"}},` + strings.Replace(template, `"x"`, `"`+app+`"`, 1) + `}}`
	}
	w.create(
		`/api/v1/namespaces/shop/resourcequotas {"metadata":{"name":"all"},"spec":{"hard":{"pods":"40"}}}`,
		`/api/v1/namespaces/shop/services {"metadata":{"name":"web"},"spec":{"selector":{"app":"web"},"ports":[{"port":80}]}}`,
		`/apis/policy/v1/namespaces/shop/poddisruptionbudgets {"metadata":{"name":"web"},"spec":{"maxUnavailable":1,"selector":{"matchLabels":{"app":"web"}}}}`,
		`/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers {"metadata":{"name":"web"},"spec":{"minReplicas":2,"maxReplicas":5,"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"web"},"metrics":[{"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization","averageUtilization":50}}}]}}`,
		`/apis/apps/v1/namespaces/shop/deployments `+of("web", `"replicas":3,`, template),
		`/apis/apps/v1/namespaces/shop/statefulsets `+of("db", `"replicas":2,"serviceName":"db",`, template),
		`/apis/apps/v1/namespaces/shop/daemonsets `+of("log", ``, template),
		`/apis/batch/v1/namespaces/shop/jobs {"metadata":{"name":"once"},"spec":{"ttlSecondsAfterFinished":3600,`+strings.Replace(template, `"containers":[{"name":"c"`, `"restartPolicy":"Never","containers":[{"name":"once"`, 1)+`}}`,
		`/api/v1/namespaces/shop/configmaps {"metadata":{"name":"mine"}}`)
	w.await("all run", func() bool {
		d, _ := deployments.Get("shop", "web")
		s, _ := sets.Get("shop", "db")
		l, _ := daemons.Get("shop", "log")
		j, _ := jobs.Get("shop", "once")
		ready := 0
		for _, slice := range slices.List("shop", nil) {
			for _, e := range slice.Endpoints {
				if e.Conditions.Ready != nil && *e.Conditions.Ready {
					ready++
				}
			}
		}
		return d != nil && d.Status.ReadyReplicas == 3 && s != nil && s.Status.ReadyReplicas == 2 && l != nil && l.Status.NumberReady == 1 &&
			j != nil && j.Status.Ready != nil && *j.Status.Ready == 1 && ready == 3
	})
	if err := w.containers.Exit("once", 0); err != nil {
		t.Error(err)
	}
	w.must(200, "PUT", "/apis/apps/v1/namespaces/shop/deployments/web", of("web", `"replicas":4,`, template2))
	w.must(200, "PUT", "/apis/apps/v1/namespaces/shop/statefulsets/db", of("db", `"replicas":2,"serviceName":"db",`, template2))
	w.must(200, "PUT", "/apis/apps/v1/namespaces/shop/daemonsets/log", of("log", ``, template2))
	w.await("all run anew and the job is done", func() bool {
		d, _ := deployments.Get("shop", "web")
		s, _ := sets.Get("shop", "db")
		l, _ := daemons.Get("shop", "log")
		j, _ := jobs.Get("shop", "once")
		return d.Status.ObservedGeneration == d.Generation && d.Status.ReadyReplicas == 4 && d.Status.UpdatedReplicas == 4 && d.Status.Replicas == 4 &&
			s.Status.UpdatedReplicas == 2 && s.Status.ReadyReplicas == 2 && s.Status.CurrentRevision == s.Status.UpdateRevision &&
			l.Status.UpdatedNumberScheduled == 1 && l.Status.NumberReady == 1 && j.Status.Succeeded == 1
	})
	w.must(200, "PATCH", "/api/v1/nodes/n1", `{"spec":{"taints":[{"key":"example.com/broken","effect":"NoExecute"}]}}`)
	w.await("no pod of the deployment is on the node", func() bool {
		for _, p := range pods.List("shop", nil) {
			if p.Labels["app"] == "web" && p.Spec.NodeName != "" {
				return false
			}
		}
		return true
	})
	w.must(200, "PATCH", "/api/v1/nodes/n1", `{"spec":{"taints":null}}`)
	w.await("they are back", func() bool {
		d, _ := deployments.Get("shop", "web")
		return d.Status.ReadyReplicas == 4
	})
	w.must(200, "DELETE", "/apis/apps/v1/namespaces/shop/daemonsets/log?propagationPolicy=Foreground", "")
	w.must(200, "DELETE", "/api/v1/namespaces/shop", "")
	w.await("everything is gone", func() bool {
		_, there := namespaces.Get("", "shop")
		return !there && len(pods.List("shop", nil)) == 0
	})
	if objects, _ := w.cfg.detector.Len(); objects < 300 {
		t.Errorf("only %d objects were looked at", objects)
	}
}
