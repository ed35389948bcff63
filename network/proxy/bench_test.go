package proxy

import (
	"context"
	"fmt"
	"net/netip"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"minke/client"
	"minke/client/fake"
	"minke/network/netnstest"
)

// many makes n Services of e endpoints each.
func many(n, e int) *fake.Server {
	api := fake.New()
	for i := range n {
		name := fmt.Sprint("web", i)
		api.Put(service(func(s *corev1.Service) {
			s.Name = name
			s.Spec.ClusterIPs = []string{netip.AddrFrom4([4]byte{10, 100, byte(i >> 8), byte(i)}).String()}
		}))
		api.Put(numbered(name, i, 0, e))
	}
	return api
}

func numbered(name string, i, from, to int) *discoveryv1.EndpointSlice {
	s := slice(name, discoveryv1.AddressTypeIPv4)
	s.Labels[discoveryv1.LabelServiceName] = name
	for k := from; k < to; k++ {
		s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{Addresses: []string{netip.AddrFrom4([4]byte{10, byte(k), byte(i >> 8), byte(i)}).String()}})
	}
	return s
}

func benchProxy(b *testing.B, api *fake.Server) *Proxy {
	node := netnstest.New(b)
	informers := client.NewInformers(api)
	var p *Proxy
	node.Try(func() (err error) { p, err = New(Config{NodeName: "here"}, informers); return err })
	ctx, cancel := context.WithCancel(context.Background())
	b.Cleanup(func() { cancel(); p.rules.Close(); p.flows.Close() })
	informers.Start(ctx)
	if err := informers.Wait(ctx); err != nil {
		b.Fatal(err)
	}
	return p
}

func BenchmarkRebuild5000(b *testing.B) {
	p := benchProxy(b, many(5000, 3))
	for b.Loop() {
		if err := p.rebuild(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkChange(b *testing.B) {
	for _, n := range []int{10, 5000} {
		b.Run(fmt.Sprint("services=", n), func(b *testing.B) {
			api := many(n, 3)
			p := benchProxy(b, api)
			p.listen()
			if err := p.rebuild(); err != nil {
				b.Fatal(err)
			}
			seen := make(chan struct{}, 1)
			p.slices.Handle(client.Handler[*discoveryv1.EndpointSlice]{Update: func(_, _ *discoveryv1.EndpointSlice) { seen <- struct{}{} }})
			for i := 0; b.Loop(); i++ {
				b.StopTimer()
				api.Put(numbered("web1", 1, i%2, 3))
				<-seen
				b.StartTimer()
				if err := p.update(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
