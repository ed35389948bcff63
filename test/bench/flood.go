package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// The flood: so many requests of one client at a time, each of which reads one
// of so many objects of 1 KiB, or lists them all. The calm client reads one object after the other.
const (
	floodRequests = 200
	floodObjects  = 300
	calmReads     = 2000
	calmPause     = 2 * time.Millisecond
	floodGroup    = "bench-readers"
)

const (
	floodObject = "/api/v1/namespaces/default/configmaps/o-1"
	floodList   = "/api/v1/namespaces/default/configmaps"
)

// floodSettings are the ways in which the server is started.
var floodSettings = []struct {
	name  string
	flags []string
}{
	{"fair, 600 seats", nil},
	{"fair, 6 seats", []string{"--max-requests-inflight=4", "--max-mutating-requests-inflight=2"}},
	{"a bound of 400 alone", []string{"--enable-priority-and-fairness=false"}},
}

// floods are what the calm client has beside it. Those that are together compete
// with the server for the processors.
var floods = []struct {
	name     string
	flood    source
	together bool
}{
	{"gets", source{Path: floodObject, Connections: 1}, false},
	{"gets, 20 connections", source{Path: floodObject, Connections: 20}, false},
	{"lists", source{Path: floodList, Connections: 1}, false},
	{"lists, gzip", source{Path: floodList, Connections: 1, Gzip: true}, false},
	{"gets, same processors", source{Path: floodObject, Connections: 1}, true},
	{"lists, gzip, same processors", source{Path: floodList, Connections: 1, Gzip: true}, true},
}

// flood measures what one client notices of another that floods the server. A
// real flood comes from other machines. So the clients have a processor of their
// own, of which the calm one gets what it wants first, and the server has the
// others: what is measured is the server, and not how the kernel divides the
// processors among the three. The rows of the same processors do without that.
func (b *bench) flood(ctx context.Context) error {
	defer func() { b.flags, b.part = nil, all }()
	row(fmt.Sprintf("reads beside %d requests of another", floodRequests),
		"calm: server p50", "p99", "client p99", "flood: server p50", "p99", "client p99", "p99 ratio", "flood per second", "refused")
	for _, s := range floodSettings {
		b.flags = s.flags
		for _, b.part = range []part{theirs, all} {
			if err := b.floods(ctx, s.name); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
	}
	return nil
}

// floods measures those of the server's processors.
func (b *bench) floods(ctx context.Context, name string) (err error) {
	if err := b.down(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.down()) }()
	if err := b.up(ctx); err != nil {
		return err
	}
	if err := b.prepareFlood(ctx); err != nil {
		return err
	}
	for i, f := range floods {
		if f.together == (b.part == all) {
			if err := b.floodOnce(ctx, name, i); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bench) floodOnce(ctx context.Context, name string, which int) error {
	f := floods[which]
	calm := place{Part: ours, First: true}
	f.flood.Place = place{Part: ours}
	if f.together {
		calm, f.flood.Place = place{}, place{}
	}
	before, err := b.readCalmly(ctx, calm)
	if err != nil {
		return err
	}
	stop, err := b.startFlood(ctx, f.flood)
	if err != nil {
		return err
	}
	time.Sleep(time.Second) // the flood is at its height
	under, readErr := b.readCalmly(ctx, calm)
	rate, refused, err := stop()
	if err := errors.Join(readErr, err); err != nil {
		return err
	}
	p99, flooded := percentile(before.Server, 99), percentile(under.Server, 99)
	row(name+", "+f.name,
		fine(percentile(before.Server, 50)), fine(p99), fine(percentile(before.Own, 99)),
		fine(percentile(under.Server, 50)), fine(flooded), fine(percentile(under.Own, 99)),
		fmt.Sprintf("%.1f", float64(flooded)/float64(p99)), fmt.Sprintf("%.0f", rate), fmt.Sprint(refused, "+", under.Refused))
	return nil
}

// prepareFlood makes the objects and lets the clients read them.
func (b *bench) prepareFlood(ctx context.Context) error {
	client, err := kubernetes.NewForConfig(b.config)
	if err != nil {
		return err
	}
	payload := strings.Repeat("x", 1024)
	for i := range floodObjects {
		cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("o-", i)}, Data: map[string]string{"payload": payload}}
		if _, err := client.CoreV1().ConfigMaps("default").Create(ctx, cm, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	_, err = client.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "readers"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: floodGroup}},
	}, metav1.CreateOptions{})
	return err
}

// process returns a process that sends requests to the cluster.
func (b *bench) process(ctx context.Context, from source) (*exec.Cmd, error) {
	host, err := url.Parse(b.config.Host)
	if err != nil {
		return nil, err
	}
	t := b.config.TLSClientConfig
	from.Address, from.CA, from.Cert, from.Key = host.Host, t.CAData, t.CertData, t.KeyData
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self)
	cmd.Stderr = os.Stderr
	cmd.Env, err = from.environment()
	return cmd, err
}

// readCalmly reads from a process of its own.
func (b *bench) readCalmly(ctx context.Context, as place) (calmResult, error) {
	var r calmResult
	cmd, err := b.process(ctx, source{Path: floodObject, User: "calm", Calm: true, Place: as})
	if err != nil {
		return r, err
	}
	out, err := cmd.Output()
	if err != nil {
		return r, fmt.Errorf("the calm client: %w", err)
	}
	return r, json.Unmarshal(out, &r)
}

// startFlood starts the flood in a process of its own. stop ends it and returns
// how many requests were answered a second, and how many were refused.
func (b *bench) startFlood(ctx context.Context, from source) (stop func() (rate float64, refused int, err error), err error) {
	from.User = "flood"
	cmd, err := b.process(ctx, from)
	if err != nil {
		return nil, err
	}
	var said strings.Builder
	cmd.Stdout = &said
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return func() (float64, int, error) {
		if err := cmd.Process.Kill(); err != nil {
			return 0, 0, fmt.Errorf("the flood has ended: %w", err)
		}
		_ = cmd.Wait() // it was killed
		lines := strings.Split(strings.TrimSpace(said.String()), "\n")
		var took float64
		var answered, refused int
		if _, err := fmt.Sscan(lines[len(lines)-1], &took, &answered, &refused); err != nil {
			return 0, 0, fmt.Errorf("the flood has not begun, since others use all processors' time: %w", err)
		}
		return float64(answered) / took, refused, nil
	}, nil
}

func fine(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d.Microseconds())/1000) }
