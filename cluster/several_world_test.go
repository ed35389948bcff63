package cluster

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/client"
	"minke/cluster/options"
	"minke/cluster/pki"
)

// TestSeveralProcess is a server in a process of its own, for the tests below.
func TestSeveralProcess(t *testing.T) {
	etcd, name, dir := os.Getenv("SEVERAL_ETCD"), os.Getenv("SEVERAL_NAME"), os.Getenv("SEVERAL_DIR")
	if etcd == "" {
		t.Skip("it is started by other tests")
	}
	ctx, stop := signal.NotifyContext(t.Context(), syscall.SIGTERM)
	defer stop()
	listener, err := net.Listen("tcp", os.Getenv("SEVERAL_LISTEN"))
	if err != nil {
		t.Fatal(err)
	}
	ca, err := pki.Open(filepath.Join(dir, "pki"))
	if err != nil {
		t.Fatal(err)
	}
	at := listener.Addr().(*net.TCPAddr)
	s, err := NewServer(ctx, ServerConfig{
		DataDir: dir, PKI: ca, Host: name, Address: netip.MustParseAddr(os.Getenv("SEVERAL_ADDRESS")), Port: at.Port,
		IPs:    []netip.Addr{at.AddrPort().Addr()},
		PodNet: netip.MustParsePrefix("10.244.0.0/16"), NodeBits: 24, ServiceNet: netip.MustParsePrefix("10.96.0.0/16"),
		DNS: netip.MustParseAddr("10.96.0.10"), Domain: "cluster.local",
		API: options.API{
			Datastore:  options.Datastore{Endpoints: []string{etcd}},
			Encryption: options.Encryption{ConfigFile: options.File(os.Getenv("SEVERAL_ENCRYPTION"))},
			Election:   election(os.Getenv("SEVERAL_FAST") != ""),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run(ctx, []net.Listener{listener}, func() {}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

// election is faster than the default where a test waits for a lease to expire
// more than once.
func election(fast bool) options.Election {
	if !fast {
		return options.Election{}
	}
	return options.Election{LeaseDuration: 3 * time.Second, RenewDeadline: 2 * time.Second, RetryPeriod: 500 * time.Millisecond}
}

// several is some servers on one etcd.
type several struct {
	*testing.T
	etcd string
	port int
	fast bool // see election
	all  map[string]*oneOf
}

// oneOf is a server, whose process may be started again.
type oneOf struct {
	name, dir, listen, address string
	encryption                 string // the file of its configuration, or nothing
	cmd                        *exec.Cmd
	log                        string
	api                        client.Interface
	http                       *http.Client
	ca                         []byte
	admin                      *pki.Pair
}

// add makes a server whose data directory has the keys of those before.
func (w *several) add(name string, keysOf *oneOf) *oneOf {
	w.Helper()
	n := len(w.all) + 1
	s := &oneOf{name: name, dir: w.TempDir(), address: fmt.Sprint("192.0.2.", n),
		listen: fmt.Sprintf("127.0.0.%d:%d", n, w.port)}
	s.log = filepath.Join(s.dir, "log")
	if keysOf != nil {
		for _, file := range []string{"ca.crt", "ca.key", "front-proxy-ca.crt", "front-proxy-ca.key", "service-account.key"} {
			key, err := os.ReadFile(filepath.Join(keysOf.dir, "pki", file))
			if err != nil {
				w.Fatal(err)
			}
			if err := os.MkdirAll(filepath.Join(s.dir, "pki"), 0o700); err != nil {
				w.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(s.dir, "pki", file), key, 0o600); err != nil {
				w.Fatal(err)
			}
		}
	}
	ca, err := pki.Open(filepath.Join(s.dir, "pki"))
	if err != nil {
		w.Fatal(err)
	}
	_, err1 := ca.FrontProxy()
	_, err2 := ca.ServiceAccountKey()
	admin, err3 := ca.ClientCert("admin", pki.Client{User: "admin", Groups: []string{"system:masters"}})
	if err := errors.Join(err1, err2, err3); err != nil {
		w.Fatal(err)
	}
	s.ca, s.admin = ca.CertPEM, admin
	s.api = w.client(s)
	s.http = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.Pool(), Certificates: []tls.Certificate{admin.TLS}}}}
	w.all[name] = s
	w.Cleanup(func() {
		if s.cmd != nil {
			_ = s.cmd.Process.Kill()
			_ = s.cmd.Wait()
		}
		if text, _ := os.ReadFile(s.log); w.Failed() {
			w.Logf("server %s said at last: %s", name, text[max(0, len(text)-4000):])
		}
	})
	return s
}

// client is the administrator's, of s and, when that is gone, of others.
func (w *several) client(s *oneOf, others ...*oneOf) client.Interface {
	w.Helper()
	config := client.RemoteConfig{Server: "https://" + s.listen, CA: s.ca, Cert: s.admin.CertPEM, Key: s.admin.KeyPEM}
	for _, o := range others {
		config.Others = append(config.Others, "https://"+o.listen)
	}
	api, err := client.Remote(config)
	if err != nil {
		w.Fatal(err)
	}
	return api
}

func (w *several) start(s *oneOf) {
	w.Helper()
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		w.Fatal(err)
	}
	defer log.Close()
	s.cmd = exec.Command(os.Args[0], "-test.run=^TestSeveralProcess$", "-test.timeout=5m")
	s.cmd.Env = append(os.Environ(), "SEVERAL_ETCD="+w.etcd, "SEVERAL_NAME="+s.name, "SEVERAL_DIR="+s.dir,
		"SEVERAL_LISTEN="+s.listen, "SEVERAL_ADDRESS="+s.address, "SEVERAL_ENCRYPTION="+s.encryption)
	if w.fast {
		s.cmd.Env = append(s.cmd.Env, "SEVERAL_FAST=true")
	}
	s.cmd.Stdout, s.cmd.Stderr = log, log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		w.Fatal(err)
	}
}

// end ends the server and waits for it.
func (w *several) end(s *oneOf, how syscall.Signal) error {
	w.Helper()
	if err := s.cmd.Process.Signal(how); err != nil {
		w.Fatal(err)
	}
	err := s.cmd.Wait()
	s.cmd = nil
	return err
}

// seen is what a server shows of one kind, as it is now.
type seen[T client.Object] struct {
	w       *several
	view    client.Informer[T]
	changed chan struct{}
}

func see[T client.Object](w *several, s *oneOf, kind client.Kind[T], namespace string) *seen[T] {
	informers := client.NewInformers(s.api)
	v := &seen[T]{w: w, view: client.InformerOf(informers, kind, client.InNamespace(namespace)), changed: make(chan struct{}, 1)}
	notice := func() {
		select {
		case v.changed <- struct{}{}:
		default:
		}
	}
	v.view.Handle(client.Handler[T]{Add: func(T) { notice() }, Update: func(T, T) { notice() }, Delete: func(T) { notice() }})
	informers.Start(w.Context())
	return v
}

// until waits until what is seen is good.
func (v *seen[T]) until(what string, good func(all []T) bool) {
	v.w.Helper()
	late := time.After(time.Minute)
	for !good(v.view.List("", nil)) {
		select {
		case <-v.changed:
		case <-late:
			var names []string
			for _, obj := range v.view.List("", nil) {
				names = append(names, obj.GetName())
			}
			v.w.Fatalf("%s: not within a minute; at last there are %v", what, names)
		}
	}
}

func holder(all []*coordinationv1.Lease, name string) string {
	for _, l := range all {
		if l.Name == name && l.Spec.HolderIdentity != nil {
			who, _, _ := strings.Cut(*l.Spec.HolderIdentity, "_")
			return who
		}
	}
	return ""
}

// leaders tells, by the servers' own word, who leads.
func (w *several) leaders(lease string) (names []string) {
	w.Helper()
	for name, s := range w.all {
		if s.cmd == nil {
			continue
		}
		response, err := s.http.Get("https://" + s.listen + "/metrics")
		if err != nil {
			w.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil {
			w.Fatal(err)
		}
		if strings.Contains(string(text), fmt.Sprintf("leader_election_master_status{name=%q} 1", lease)) {
			names = append(names, name)
		}
	}
	return names
}

// addressesAre tells whether the endpoints of the API are those, in order.
func addressesAre(want ...string) func([]*discoveryv1.EndpointSlice) bool {
	return func(all []*discoveryv1.EndpointSlice) bool {
		var have []string
		for _, s := range all {
			for _, e := range s.Endpoints {
				have = append(have, e.Addresses...)
			}
		}
		return fmt.Sprint(have) == fmt.Sprint(want)
	}
}

// writer creates ConfigMaps, through one server after the other,
// two hundred a second, and knows which were acknowledged.
type writer struct {
	acknowledged []string
	refused      int
	ended        chan struct{}
	stop         atomic.Bool
}

func (w *several) write(to ...*oneOf) *writer {
	out := &writer{ended: make(chan struct{})}
	go func() {
		defer close(out.ended)
		pace := time.NewTicker(5 * time.Millisecond)
		defer pace.Stop()
		for i := 0; !out.stop.Load() && w.Context().Err() == nil; i++ {
			<-pace.C
			name := fmt.Sprint("written-", i)
			ctx, cancel := context.WithTimeout(w.Context(), 5*time.Second)
			_, err := client.Of(to[i%len(to)].api, client.ConfigMaps).Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}})
			cancel()
			if err == nil {
				out.acknowledged = append(out.acknowledged, name)
			} else {
				out.refused++
			}
		}
	}()
	return out
}

func boundPods(n int) func([]*corev1.Pod) bool {
	return func(all []*corev1.Pod) bool {
		for _, p := range all {
			if p.Spec.NodeName == "" {
				return false
			}
		}
		return len(all) == n
	}
}

// work are a node, which nobody minds, and a Deployment for it.
func work() (*corev1.Node, *appsv1.Deployment) {
	room := corev1.ResourceList{"cpu": resource.MustParse("4"), "memory": resource.MustParse("4Gi"), "pods": resource.MustParse("110")}
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1"}, Status: corev1.NodeStatus{Capacity: room, Allocatable: room,
		Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, LastHeartbeatTime: metav1.Now()}}}}
	labels, replicas := map[string]string{"app": "web"}, int32(2)
	return node, &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"}, Spec: appsv1.DeploymentSpec{
		Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{
			Containers:  []corev1.Container{{Name: "c", Image: "toolbox"}},
			Tolerations: []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
		}},
	}}
}

func (w *several) scale(s *oneOf, replicas int) {
	w.Helper()
	_, err := client.Of(s.api, client.Deployments).Patch(w.Context(), "default", "web", "application/merge-patch+json", fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, replicas))
	if err != nil {
		w.Fatal(err)
	}
}

// released tells in the end which leases nobody held meanwhile.
func (w *several) released(s *oneOf) func() string {
	var mu sync.Mutex
	found := map[string]bool{}
	informers := client.NewInformers(s.api)
	view := client.InformerOf(informers, client.Leases, client.InNamespace("kube-system"))
	view.Handle(client.Handler[*coordinationv1.Lease]{Update: func(_, l *coordinationv1.Lease) {
		mu.Lock()
		defer mu.Unlock()
		found[l.Name] = found[l.Name] || l.Spec.HolderIdentity == nil
	}})
	informers.Start(w.Context())
	<-view.Synced()
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		var names []string
		for _, name := range []string{"kube-controller-manager", "kube-scheduler"} {
			if found[name] {
				names = append(names, name)
			}
		}
		return strings.Join(names, " ")
	}
}

func freePort(t *testing.T) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
