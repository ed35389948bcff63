package cluster

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"minke/client"
	"minke/test/peers"
)

// TestSeveral runs two servers on one etcd, kills the one that leads, starts it
// again and stops the other.
func TestSeveral(t *testing.T) {
	if testing.Short() {
		t.Skip("a lease must expire")
	}
	member := peers.StartEtcd(t)
	w := &several{T: t, etcd: member.URL, port: freePort(t), all: map[string]*oneOf{}}
	a := w.add("a", nil)
	b := w.add("b", a)
	w.start(a) // both find an empty etcd
	w.start(b)

	leasesOf := map[*oneOf]*seen[*coordinationv1.Lease]{a: see(w, a, client.Leases, "kube-system"), b: see(w, b, client.Leases, "kube-system")}
	slicesOf := map[*oneOf]*seen[*discoveryv1.EndpointSlice]{a: see(w, a, client.EndpointSlices, "default"), b: see(w, b, client.EndpointSlices, "default")}
	podsOf := map[*oneOf]*seen[*corev1.Pod]{a: see(w, a, client.Pods, "default"), b: see(w, b, client.Pods, "default")}
	for s, v := range slicesOf {
		v.until("endpoints as "+s.name+" shows them", addressesAre("192.0.2.1", "192.0.2.2"))
	}
	elected := func(all []*coordinationv1.Lease) bool {
		return holder(all, "kube-controller-manager") != "" && holder(all, "kube-scheduler") != ""
	}
	leasesOf[a].until("leaders are elected", elected)
	first, second := a, b
	if holder(leasesOf[a].view.List("", nil), "kube-controller-manager") == "b" {
		first, second = b, a
	}
	for _, lease := range []string{"kube-controller-manager", "kube-scheduler"} {
		if leaders := w.leaders(lease); len(leaders) != 1 {
			t.Errorf("%s runs in %v", lease, leaders)
		}
	}
	see(w, second, client.Events, "kube-system").until("events of both leaders", func(all []*corev1.Event) bool {
		told := map[string]bool{}
		for _, e := range all {
			if e.Reason == "LeaderElection" && strings.HasSuffix(e.Message, " became leader") {
				told[e.InvolvedObject.Kind+" "+e.InvolvedObject.Name] = true
			}
		}
		return told["Lease kube-controller-manager"] && told["Lease kube-scheduler"]
	})
	node, deployment := work()
	if _, err := client.Of(second.api, client.Nodes).Create(t.Context(), node); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Of(second.api, client.Deployments).Create(t.Context(), deployment); err != nil {
		t.Fatal(err)
	}
	podsOf[first].until("two pods", boundPods(2))

	writes := w.write(a, b)
	_ = w.end(first, syscall.SIGKILL)
	w.scale(second, 5)
	podsOf[second].until("five pods after the leader was killed", boundPods(5))
	slicesOf[second].until("endpoints without the killed", addressesAre(second.address))
	leasesOf[second].until("the other leads", func(all []*coordinationv1.Lease) bool {
		return holder(all, "kube-controller-manager") == second.name && holder(all, "kube-scheduler") == second.name
	})

	w.start(first)
	leasesAgain, slicesAgain, podsAgain := see(w, first, client.Leases, "kube-system"), see(w, first, client.EndpointSlices, "default"), see(w, first, client.Pods, "default")
	slicesOf[second].until("endpoints with the killed again", addressesAre("192.0.2.1", "192.0.2.2"))
	for _, lease := range []string{"kube-controller-manager", "kube-scheduler"} {
		if leaders := w.leaders(lease); fmt.Sprint(leaders) != fmt.Sprint([]string{second.name}) {
			t.Errorf("%s runs in %v, not in %s", lease, leaders, second.name)
		}
	}
	leasesAgain.until("the killed follows", func(all []*coordinationv1.Lease) bool { return holder(all, "kube-scheduler") == second.name })
	released := w.released(first)
	if err := w.end(second, syscall.SIGTERM); err != nil {
		t.Errorf("a graceful end: %v", err)
	}
	w.scale(first, 7)
	podsAgain.until("seven pods after the leader was stopped", boundPods(7))
	slicesAgain.until("endpoints without the stopped", addressesAre(first.address))
	if got := released(); got != "kube-controller-manager kube-scheduler" {
		t.Errorf("released were: %s", got)
	}

	writes.stop.Store(true)
	<-writes.ended
	t.Logf("%d writes acknowledged, %d refused", len(writes.acknowledged), writes.refused)
	maps := client.Of(first.api, client.ConfigMaps)
	for _, name := range writes.acknowledged {
		if _, err := maps.Get(t.Context(), "default", name); err != nil {
			t.Errorf("an acknowledged write is lost: %v", err)
		}
	}
	if len(writes.acknowledged) == 0 {
		t.Error("no write was acknowledged")
	}
}

// TestSeveralFrozen freezes the server that leads until another one does. When it
// goes on it knows that it does not lead, and takes part again.
func TestSeveralFrozen(t *testing.T) {
	if testing.Short() {
		t.Skip("leases must expire")
	}
	member := peers.StartEtcd(t)
	w := &several{T: t, etcd: member.URL, port: freePort(t), fast: true, all: map[string]*oneOf{}}
	first := w.add("a", nil)
	second := w.add("b", first)
	w.start(first)
	leads := func(s *oneOf) func([]*coordinationv1.Lease) bool {
		return func(all []*coordinationv1.Lease) bool {
			return holder(all, "kube-controller-manager") == s.name && holder(all, "kube-scheduler") == s.name
		}
	}
	see(w, first, client.Leases, "kube-system").until("the first leads", leads(first))
	w.start(second)
	leases, pods := see(w, second, client.Leases, "kube-system"), see(w, second, client.Pods, "default")
	leases.until("the first leads, as the second sees it", leads(first))
	node, deployment := work()
	if _, err := client.Of(second.api, client.Nodes).Create(t.Context(), node); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Of(second.api, client.Deployments).Create(t.Context(), deployment); err != nil {
		t.Fatal(err)
	}
	pods.until("two pods", boundPods(2))

	if err := first.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	w.scale(second, 5)
	leases.until("the second leads", leads(second))
	pods.until("five pods", boundPods(5))
	if err := first.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	for _, lease := range []string{"kube-controller-manager", "kube-scheduler"} {
		peers.Until(t, first.http, "GET", "https://"+first.listen+"/metrics", "", 200, fmt.Sprintf("leader_election_master_status{name=%q} 0", lease))
		if leaders := w.leaders(lease); fmt.Sprint(leaders) != fmt.Sprint([]string{second.name}) {
			t.Errorf("%s runs in %v, not in %s", lease, leaders, second.name)
		}
	}
	if n := len(pods.view.List("", nil)); n != 5 {
		t.Errorf("%d pods after the frozen went on", n)
	}
	// Who knows both does not mind which of them is gone.
	either := *second
	either.api = w.client(second, first)
	again := see(w, &either, client.Pods, "default")
	again.until("five pods by either", boundPods(5))
	_ = w.end(second, syscall.SIGKILL)
	// A read goes where somebody answers; a write whose answer is lost with its
	// connection fails, and who it is for must look what became of it.
	if _, err := client.Of(either.api, client.Deployments).Get(t.Context(), "default", "web"); err != nil {
		t.Error(err)
	}
	w.scale(&either, 7)
	again.until("seven pods by the first", boundPods(7))
}

// TestSeveralKeys holds that a server with keys of its own is refused, and says
// what to do.
func TestSeveralKeys(t *testing.T) {
	member := peers.StartEtcd(t)
	w := &several{T: t, etcd: member.URL, port: freePort(t), all: map[string]*oneOf{}}
	a := w.add("a", nil)
	w.start(a)
	see(w, a, client.EndpointSlices, "default").until("endpoints", addressesAre("192.0.2.1"))
	b := w.add("b", nil)
	w.start(b)
	err := b.cmd.Wait()
	b.cmd = nil
	text, readErr := os.ReadFile(b.log)
	if readErr != nil {
		t.Fatal(readErr)
	}
	if err == nil || !strings.Contains(string(text), "the certificate authority differs") || !strings.Contains(string(text), "join the server on a") {
		t.Errorf("%v: %s", err, text)
	}
	if _, err := client.Of(a.api, client.Leases).Get(t.Context(), "kube-system", "apiserver-b"); !apierrors.IsNotFound(err) {
		t.Errorf("the refused left its identity: %v", err)
	}
}
