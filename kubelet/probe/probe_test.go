package probe

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"minke/kubelet/cri"
)

func TestHTTP(t *testing.T) {
	var seen *http.Request
	mux := http.NewServeMux()
	mux.HandleFunc("/ok", func(w http.ResponseWriter, r *http.Request) { seen = r })
	mux.HandleFunc("/bad", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(503) })
	mux.HandleFunc("/here", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/bad", http.StatusFound) })
	mux.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://elsewhere.invalid/", http.StatusFound)
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	at, _ := url.Parse(server.URL)
	port, _ := strconv.Atoi(at.Port())
	target := Target{PodIP: at.Hostname(), Container: &corev1.Container{Name: "c", Ports: []corev1.ContainerPort{{Name: "web", ContainerPort: int32(port)}}}}
	p := &Prober{}
	for path, want := range map[string]Answer{
		"/ok": {OK: true}, "/bad": {Output: "HTTP probe failed with statuscode: 503"},
		"/here": {Output: "HTTP probe failed with statuscode: 503"}, "/away": {OK: true},
	} {
		got := p.Do(t.Context(), &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: path, Port: intstr.FromString("web"),
			HTTPHeaders: []corev1.HTTPHeader{{Name: "X-A", Value: "b"}, {Name: "Host", Value: "h.example"}}}}}, target)
		if got.OK != want.OK || got.Output != want.Output && !want.OK {
			t.Errorf("%s: %+v", path, got)
		}
	}
	if seen.Header.Get("X-A") != "b" || seen.Host != "h.example" || seen.UserAgent() != "kube-probe/1.37" {
		t.Errorf("request %+v", seen)
	}
	for port, ok := range map[int]bool{port: true, 1: false} {
		if got := p.Do(t.Context(), &corev1.Probe{ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt(port)}}}, target); got.OK != ok {
			t.Errorf("tcp %d: %+v", port, got)
		}
	}
}

func TestTimeoutAndUnknownPort(t *testing.T) {
	hang := func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	synctest.Test(t, func(t *testing.T) {
		p, began := &Prober{Dial: hang}, time.Now()
		a := p.Do(t.Context(), &corev1.Probe{TimeoutSeconds: 3, ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt(80)}}}, Target{PodIP: "10.0.0.1", Container: &corev1.Container{}})
		if a.OK || time.Since(began) != 3*time.Second {
			t.Errorf("%+v after %v", a, time.Since(began))
		}
		a = p.Do(t.Context(), &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Port: intstr.FromString("no")}}}, Target{Container: &corev1.Container{Name: "c"}})
		if a.Err == nil || !strings.Contains(a.Err.Error(), `invalid port: "no"`) {
			t.Errorf("%+v", a)
		}
	})
}

// after answers exec probes with success from a time on.
type after struct {
	cri.Containers
	at    atomic.Int64 // nanoseconds
	asked atomic.Int32
}

func (a *after) ExecSync(context.Context, *runtimeapi.ExecSyncRequest) (*runtimeapi.ExecSyncResponse, error) {
	a.asked.Add(1)
	if time.Now().UnixNano() < a.at.Load() {
		return &runtimeapi.ExecSyncResponse{ExitCode: 1}, nil
	}
	return &runtimeapi.ExecSyncResponse{}, nil
}

func TestReadySoonAfterStartupAndNotEarlier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		rt := &after{}
		rt.at.Store(time.Now().Add(time.Hour).UnixNano())
		m := NewManager(ctx, &Prober{Runtime: rt}, 2)
		var changed atomic.Int64
		m.Changed = func(types.UID) { changed.Store(time.Now().UnixNano()) }
		exec := corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"x"}}}
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{UID: "u"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c",
			StartupProbe: &corev1.Probe{ProbeHandler: exec, PeriodSeconds: 10, InitialDelaySeconds: 1, FailureThreshold: 1}, ReadinessProbe: &corev1.Probe{ProbeHandler: exec, PeriodSeconds: 10}}}}}
		began := time.Now()
		running := []Running{{Name: "c", ID: "i", StartedAt: began}}
		m.Sync(pod, "", running)
		time.Sleep(999 * time.Millisecond)
		if rt.asked.Load() != 0 {
			t.Error("asked within the initial delay")
		}
		time.Sleep(9 * time.Second)
		if rt.asked.Load() < 5 || m.Result("i", Startup) != Unknown {
			t.Errorf("asked %d times, startup %v", rt.asked.Load(), m.Result("i", Startup))
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if m.Result("i", Startup) != Failure {
			t.Errorf("startup %v", m.Result("i", Startup))
		}
		m.Forget("u")
		pod.Spec.Containers[0].StartupProbe.FailureThreshold = 3
		rt.at.Store(time.Now().Add(1300 * time.Millisecond).UnixNano())
		began = time.Now()
		m.Sync(pod, "", running)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if m.Result("i", Readiness) != Success {
			t.Fatal("not ready")
		}
		if took := time.Unix(0, changed.Load()).Sub(began); took > 3*time.Second {
			t.Errorf("ready after %v", took)
		}
		cancel()
		m.Wait()
	})
}
