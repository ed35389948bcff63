package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// The flood: so many requests of one client at a time, each of which reads one
// of so many objects of 1 KiB, or lists them all. The calm client reads one object after the other.
const (
	floodRequests = 200
	floodObjects  = 300
	calmReads     = 1000
	calmPause     = 2 * time.Millisecond
	floodGroup    = "bench-readers"
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

// floodObject is what the flood reads: one object, or all.
var floodObject = map[string]string{"gets": "o-1", "lists": ""}

// flood measures what one client notices of another that floods the server.
// The flood comes from a process of the lowest priority: the server's fairness
// is measured, not that of the machine's scheduler.
func (b *bench) flood(ctx context.Context) error {
	defer func() { b.flags = nil }()
	row(fmt.Sprintf("reads beside %d requests of another", floodRequests), "p50 calm", "p99 calm", "p50 flood", "p99 flood", "p99 ratio", "refused")
	for _, s := range floodSettings {
		if err := b.down(); err != nil {
			return err
		}
		b.flags = s.flags
		if err := b.up(ctx); err != nil {
			return err
		}
		if err := b.floodOnce(ctx, s.name); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return b.down()
}

func (b *bench) floodOnce(ctx context.Context, name string) error {
	client, err := kubernetes.NewForConfig(b.config)
	if err != nil {
		return err
	}
	if err := prepareFlood(ctx, client); err != nil {
		return err
	}
	calm, err := kubernetes.NewForConfig(b.as("calm"))
	if err != nil {
		return err
	}
	for _, of := range []string{"gets", "lists"} {
		before, _, err := readCalmly(ctx, calm)
		if err != nil {
			return err
		}
		stop, err := b.startFlood(ctx, floodObject[of])
		if err != nil {
			return err
		}
		time.Sleep(time.Second) // the flood is at its height
		under, refused, err := readCalmly(ctx, calm)
		stop()
		if err != nil {
			return err
		}
		p99, flooded := percentile(before, 99), percentile(under, 99)
		row(name+", "+of, ms(percentile(before, 50)), ms(p99), ms(percentile(under, 50)), ms(flooded), fmt.Sprintf("%.1f", float64(flooded)/float64(p99)), refused)
	}
	return nil
}

// prepareFlood makes the objects and lets the clients read them.
func prepareFlood(ctx context.Context, client kubernetes.Interface) error {
	payload := make([]byte, 1024)
	for i := range payload {
		payload[i] = 'x'
	}
	for i := range floodObjects {
		cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("o-", i)}, Data: map[string]string{"payload": string(payload)}}
		if _, err := client.CoreV1().ConfigMaps("default").Create(ctx, cm, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	_, err := client.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "readers"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: floodGroup}},
	}, metav1.CreateOptions{})
	return err
}

// as returns how to be a user. Tokens would have to be verified, which costs
// more than a read.
func (b *bench) as(user string) *rest.Config {
	config := rest.CopyConfig(b.config)
	config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: []string{floodGroup}}
	return config
}

// readCalmly returns how long reads took, and how many were refused.
func readCalmly(ctx context.Context, client kubernetes.Interface) (took []time.Duration, refused int, err error) {
	core := client.CoreV1().RESTClient()
	for range calmReads {
		at := time.Now()
		err := core.Get().Namespace("default").Resource("configmaps").Name("o-0").MaxRetries(0).Do(ctx).Error()
		switch {
		case err == nil:
			took = append(took, time.Since(at))
		case ctx.Err() != nil:
			return nil, 0, err
		default:
			refused++
		}
		time.Sleep(calmPause)
	}
	return took, refused, nil
}

// startFlood starts the flood in a process of its own, which stop ends.
func (b *bench) startFlood(ctx context.Context, object string) (stop func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	t := b.config.TLSClientConfig
	settings, err := json.Marshal(floodSource{Host: b.config.Host, Object: object, CA: t.CAData, Cert: t.CertData, Key: t.KeyData})
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "nice", "-n", "19", self, "-only", "")
	cmd.Env = append(os.Environ(), floodVariable+"="+string(settings))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	}, nil
}

// floodVariable makes this program the flood.
const floodVariable = "BENCH_FLOOD"

type floodSource struct {
	Host, Object  string
	CA, Cert, Key []byte
}

// beFlood floods until it is killed.
func beFlood(ctx context.Context, settings string) error {
	var from floodSource
	if err := json.Unmarshal([]byte(settings), &from); err != nil {
		return err
	}
	b := bench{config: &rest.Config{Host: from.Host, QPS: -1, TLSClientConfig: rest.TLSClientConfig{CAData: from.CA, CertData: from.Cert, KeyData: from.Key}}}
	client, err := kubernetes.NewForConfig(b.as("flood"))
	if err != nil {
		return err
	}
	core := client.CoreV1().RESTClient()
	var all sync.WaitGroup
	for range floodRequests {
		all.Go(func() {
			for ctx.Err() == nil {
				get := core.Get().Namespace("default").Resource("configmaps").SetHeader("Accept", "application/json").MaxRetries(0)
				if from.Object != "" {
					get = get.Name(from.Object)
				}
				if discard(get.Stream(ctx)) != nil {
					time.Sleep(time.Millisecond) // refused
				}
			}
		})
	}
	all.Wait()
	return nil
}
