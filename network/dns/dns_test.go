package dns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/client"
	"minke/client/fake"
)

func ptr[T any](v T) *T { return &v }

func objects() []client.Object {
	meta := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: "shop", Name: name} }
	ports := []corev1.ServicePort{{Name: "http", Port: 80, Protocol: corev1.ProtocolTCP}}
	slice := &discoveryv1.EndpointSlice{ObjectMeta: meta("db-1"), AddressType: discoveryv1.AddressTypeIPv4,
		Ports: []discoveryv1.EndpointPort{{Name: ptr("http"), Port: ptr(int32(8080)), Protocol: ptr(corev1.ProtocolTCP)}},
		Endpoints: []discoveryv1.Endpoint{
			{Addresses: []string{"10.244.1.2"}, Hostname: ptr("db-0"), Conditions: discoveryv1.EndpointConditions{Ready: ptr(true)}},
			{Addresses: []string{"10.244.1.3"}},
			{Addresses: []string{"10.244.1.4"}, Hostname: ptr("db-2"), Conditions: discoveryv1.EndpointConditions{Ready: ptr(false)}},
		}}
	slice.Labels = map[string]string{discoveryv1.LabelServiceName: "db", corev1.IsHeadlessService: ""}
	byHand := &discoveryv1.EndpointSlice{ObjectMeta: meta("manual-1"), AddressType: discoveryv1.AddressTypeIPv4,
		Ports:     []discoveryv1.EndpointPort{{Name: ptr("https"), Port: ptr(int32(443)), Protocol: ptr(corev1.ProtocolTCP)}},
		Endpoints: []discoveryv1.Endpoint{{Addresses: []string{"192.0.2.8"}}}}
	byHand.Labels = map[string]string{discoveryv1.LabelServiceName: "manual"}
	external := func(name, to string) client.Object {
		return &corev1.Service{ObjectMeta: meta(name), Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: to}}
	}
	return []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}},
		&corev1.Service{ObjectMeta: meta("web"), Spec: corev1.ServiceSpec{ClusterIP: "10.96.0.7", ClusterIPs: []string{"10.96.0.7", "fd00:96::7"}, Ports: ports}},
		&corev1.Service{ObjectMeta: meta("db"), Spec: corev1.ServiceSpec{ClusterIP: "None", Ports: ports}},
		&corev1.Service{ObjectMeta: meta("none"), Spec: corev1.ServiceSpec{ClusterIP: "None", Ports: ports}},
		slice, external("out", "host.example.org"), external("in", "web.shop.svc.cluster.local"), external("loop", "loop.shop.svc.cluster.local"),
		&corev1.Service{ObjectMeta: meta("manual"), Spec: corev1.ServiceSpec{ClusterIP: "None", Ports: ports}}, byHand,
	}
}

// upstream knows one name and counts questions.
type upstream struct {
	addr  netip.AddrPort
	asked atomic.Int32
}

func newUpstream(t testing.TB) *upstream {
	p, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u := &upstream{addr: p.LocalAddr().(*net.UDPAddr).AddrPort()}
	s := &dns.Server{PacketConn: p, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		u.asked.Add(1)
		r := new(dns.Msg)
		r.SetReply(q)
		if q.Question[0].Name == "host.example.org." && q.Question[0].Qtype == dns.TypeA {
			r.Answer = []dns.RR{&dns.A{Hdr: head(q.Question[0].Name, dns.TypeA, 60), A: net.IPv4(192, 0, 2, 80)}}
		} else {
			r.Rcode = dns.RcodeNameError
		}
		w.WriteMsg(r)
	})}
	go s.ActivateAndServe()
	t.Cleanup(func() { s.Shutdown() })
	return u
}

func start(t testing.TB, api *fake.Server, upstreams ...netip.AddrPort) string {
	informers := client.NewInformers(api)
	s, err := New(Config{Listen: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}, Upstreams: upstreams}, informers)
	for tries := 0; errors.Is(err, syscall.EADDRINUSE) && tries < 20; tries++ { // UDP chose a port that TCP has not free
		s, err = New(Config{Listen: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}, Upstreams: upstreams}, informers)
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	informers.Start(ctx)
	done := make(chan struct{})
	go func() { s.Run(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	select {
	case <-s.Ready():
	case <-time.After(5 * time.Second):
		t.Fatal("not ready")
	}
	return s.Addresses()[0].String()
}

func TestNames(t *testing.T) {
	up := newUpstream(t)
	addr := start(t, fake.New(objects()...).Guarded(t), up.addr)
	for _, c := range []struct {
		name string
		kind uint16
		want string // records, sorted; or the code and SOA
	}{
		{"web.shop.svc.cluster.local.", dns.TypeA, "web.shop.svc.cluster.local. 30 A 10.96.0.7"},
		{"WeB.shop.svc.cluster.LOCAL.", dns.TypeAAAA, "WeB.shop.svc.cluster.LOCAL. 30 AAAA fd00:96::7"},
		{"web.shop.svc.cluster.local.", dns.TypeMX, "NOERROR soa"},
		{"nope.shop.svc.cluster.local.", dns.TypeA, "NXDOMAIN soa"},
		{"x.web.shop.svc.cluster.local.", dns.TypeA, "NXDOMAIN soa"},
		{"shop.svc.cluster.local.", dns.TypeA, "NOERROR soa"},
		{"void.svc.cluster.local.", dns.TypeA, "NXDOMAIN soa"},
		{"svc.cluster.local.", dns.TypeA, "NOERROR soa"},
		{"cluster.local.", dns.TypeA, "NOERROR soa"},
		{"host.example.org.shop.svc.cluster.local.", dns.TypeA, "NXDOMAIN soa"},
		{"db.shop.svc.cluster.local.", dns.TypeA, "db.shop.svc.cluster.local. 5 A 10.244.1.2; db.shop.svc.cluster.local. 5 A 10.244.1.3"},
		{"db.shop.svc.cluster.local.", dns.TypeAAAA, "NOERROR soa"},
		{"none.shop.svc.cluster.local.", dns.TypeA, "NXDOMAIN soa"},
		{"db-0.db.shop.svc.cluster.local.", dns.TypeA, "db-0.db.shop.svc.cluster.local. 5 A 10.244.1.2"},
		{"10-244-1-3.db.shop.svc.cluster.local.", dns.TypeA, "10-244-1-3.db.shop.svc.cluster.local. 5 A 10.244.1.3"},
		{"db-2.db.shop.svc.cluster.local.", dns.TypeA, "NXDOMAIN soa"},
		{"_http._tcp.web.shop.svc.cluster.local.", dns.TypeSRV, "_http._tcp.web.shop.svc.cluster.local. 30 SRV 0 100 80 web.shop.svc.cluster.local."},
		{"_http._udp.web.shop.svc.cluster.local.", dns.TypeSRV, "NXDOMAIN soa"},
		{"_tcp.web.shop.svc.cluster.local.", dns.TypeSRV, "NOERROR soa"},
		{"_http._tcp.db.shop.svc.cluster.local.", dns.TypeSRV, "_http._tcp.db.shop.svc.cluster.local. 5 SRV 0 50 8080 10-244-1-3.db.shop.svc.cluster.local.; _http._tcp.db.shop.svc.cluster.local. 5 SRV 0 50 8080 db-0.db.shop.svc.cluster.local."},
		// The ports of endpoints that are made by hand need not be the Service's.
		{"_https._tcp.manual.shop.svc.cluster.local.", dns.TypeSRV, "_https._tcp.manual.shop.svc.cluster.local. 5 SRV 0 100 443 192-0-2-8.manual.shop.svc.cluster.local."},
		{"_http._tcp.manual.shop.svc.cluster.local.", dns.TypeSRV, "NXDOMAIN soa"},
		{"_tcp.manual.shop.svc.cluster.local.", dns.TypeSRV, "NOERROR soa"},
		{"_udp.manual.shop.svc.cluster.local.", dns.TypeSRV, "NXDOMAIN soa"},
		{"db.shop.svc.cluster.local.", dns.TypeSRV, "db.shop.svc.cluster.local. 5 SRV 0 50 8080 10-244-1-3.db.shop.svc.cluster.local.; db.shop.svc.cluster.local. 5 SRV 0 50 8080 db-0.db.shop.svc.cluster.local."},
		{"10-244-9-9.shop.pod.cluster.local.", dns.TypeA, "10-244-9-9.shop.pod.cluster.local. 5 A 10.244.9.9"},
		{"fd00--5.shop.pod.cluster.local.", dns.TypeAAAA, "fd00--5.shop.pod.cluster.local. 5 AAAA fd00::5"},
		{"10-244-9-9.void.pod.cluster.local.", dns.TypeA, "NXDOMAIN soa"},
		{"dns-version.cluster.local.", dns.TypeTXT, `dns-version.cluster.local. 30 TXT "1.1.0"`},
		{"7.0.96.10.in-addr.arpa.", dns.TypePTR, "7.0.96.10.in-addr.arpa. 5 PTR web.shop.svc.cluster.local."},
		{"2.1.244.10.in-addr.arpa.", dns.TypePTR, "2.1.244.10.in-addr.arpa. 5 PTR db-0.db.shop.svc.cluster.local."},
		{"7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.6.9.0.0.0.0.d.f.ip6.arpa.", dns.TypePTR, "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.6.9.0.0.0.0.d.f.ip6.arpa. 5 PTR web.shop.svc.cluster.local."},
		{"host.example.org.", dns.TypeA, "host.example.org. 60 A 192.0.2.80"},
		{"notcluster.local.", dns.TypeA, "NXDOMAIN"},
		{"out.shop.svc.cluster.local.", dns.TypeA, "host.example.org. 60 A 192.0.2.80; out.shop.svc.cluster.local. 5 CNAME host.example.org."},
		{"in.shop.svc.cluster.local.", dns.TypeA, "in.shop.svc.cluster.local. 5 CNAME web.shop.svc.cluster.local.; web.shop.svc.cluster.local. 30 A 10.96.0.7"},
		{"loop.shop.svc.cluster.local.", dns.TypeA, "loop.shop.svc.cluster.local. 5 CNAME loop.shop.svc.cluster.local."},
	} {
		for _, network := range []string{"udp", "tcp"} {
			q := new(dns.Msg)
			q.SetQuestion(c.name, c.kind)
			cl := dns.Client{Net: network, Timeout: 3 * time.Second}
			r, _, err := cl.Exchange(q, addr)
			if err != nil {
				t.Errorf("%s %s: %v", c.name, network, err)
				continue
			}
			if got := text(r); got != c.want {
				t.Errorf("%s %s %s:\n got %s\nwant %s", network, c.name, dns.TypeToString[c.kind], got, c.want)
			}
		}
	}
	if n := up.asked.Load(); n > 5 {
		t.Errorf("upstream was asked %d times", n)
	}
}

func text(r *dns.Msg) string {
	var lines []string
	for _, rr := range r.Answer {
		f := strings.Fields(rr.String())
		lines = append(lines, strings.Join(append(f[:2:2], f[3:]...), " "))
	}
	slices.Sort(lines)
	if len(lines) == 0 {
		lines = []string{dns.RcodeToString[r.Rcode]}
		if len(r.Ns) == 1 {
			lines[0] += " soa"
		}
	}
	return strings.Join(lines, "; ")
}

func TestEndpointsComeAndGo(t *testing.T) {
	api := fake.New(objects()...).Guarded(t)
	addr := start(t, api)
	ask := func() string {
		q := new(dns.Msg)
		q.SetQuestion("none.shop.svc.cluster.local.", dns.TypeA)
		r, err := dns.Exchange(q, addr)
		if err != nil {
			return err.Error()
		}
		return text(r)
	}
	slice := &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "n", Labels: map[string]string{discoveryv1.LabelServiceName: "none"}},
		AddressType: discoveryv1.AddressTypeIPv4}
	for i := range 3 {
		slice = slice.DeepCopy()
		slice.Endpoints = []discoveryv1.Endpoint{{Addresses: []string{fmt.Sprintf("10.244.0.%d", i)}}}
		api.Put(slice)
		want, got := fmt.Sprintf("none.shop.svc.cluster.local. 5 A 10.244.0.%d", i), ""
		for deadline := time.Now().Add(5 * time.Second); got != want && time.Now().Before(deadline); {
			got = ask()
		}
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestTruncation(t *testing.T) {
	objs := objects()
	many := objs[4].(*discoveryv1.EndpointSlice)
	for i := range 200 {
		many.Endpoints = append(many.Endpoints, discoveryv1.Endpoint{Addresses: []string{fmt.Sprintf("10.244.2.%d", i)}})
	}
	addr := start(t, fake.New(objs...).Guarded(t))
	for _, c := range []struct {
		size, most int
		network    string
		truncated  bool
	}{{0, 512, "udp", true}, {4096, maxUDP, "udp", true}, {0, 65535, "tcp", false}} {
		q := new(dns.Msg)
		q.SetQuestion("db.shop.svc.cluster.local.", dns.TypeA)
		if c.size > 0 {
			q.SetEdns0(uint16(c.size), false)
		}
		cl := dns.Client{Net: c.network, UDPSize: 4096}
		r, _, err := cl.Exchange(q, addr)
		if err != nil {
			t.Fatal(err)
		}
		r.Compress = true // as it came
		if r.Truncated != c.truncated || r.Len() > c.most || len(r.Answer) == 0 || !c.truncated && len(r.Answer) != 202 {
			t.Errorf("%+v: truncated %v, %d bytes, %d answers", c, r.Truncated, r.Len(), len(r.Answer))
		}
		if (r.IsEdns0() != nil) != (c.size > 0) {
			t.Errorf("%+v: EDNS where it was not asked for, or the reverse", c)
		}
	}
}

// Two servers that take each other for upstream must not spin.
func TestLoopIsFound(t *testing.T) {
	reserve, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	second := reserve.LocalAddr().(*net.UDPAddr).AddrPort()
	first := start(t, fake.New().Guarded(t), second)
	// The second sends everything back to the first, as it came.
	go func() {
		b := make([]byte, 4096)
		back, err := net.Dial("udp", first)
		if err != nil {
			return
		}
		defer back.Close()
		for {
			n, from, err := reserve.ReadFrom(b)
			if err != nil {
				return
			}
			back.Write(b[:n])
			if n, err = back.Read(b); err == nil {
				reserve.WriteTo(b[:n], from)
			}
		}
	}()
	defer reserve.Close()
	q := new(dns.Msg)
	q.SetQuestion("example.org.", dns.TypeA)
	cl := dns.Client{Timeout: 5 * time.Second}
	r, _, err := cl.Exchange(q, first)
	if err != nil || r.Rcode != dns.RcodeServerFailure {
		t.Errorf("got %v, %v; want SERVFAIL", r, err)
	}
}

func TestOddMessages(t *testing.T) {
	addr := start(t, fake.New(objects()...).Guarded(t))
	q := new(dns.Msg)
	q.SetQuestion("web.shop.svc.cluster.local.", dns.TypeA)
	for _, c := range []struct {
		change func(*dns.Msg)
		want   int
	}{
		{func(q *dns.Msg) { q.Opcode = dns.OpcodeUpdate }, dns.RcodeNotImplemented},
		{func(q *dns.Msg) { q.Question[0].Qclass = dns.ClassCHAOS }, dns.RcodeRefused},
		{func(q *dns.Msg) { q.Question[0].Qtype = dns.TypeAXFR }, dns.RcodeRefused},
		{func(q *dns.Msg) { q.SetEdns0(1232, false); q.IsEdns0().SetVersion(1) }, dns.RcodeBadVers},
		{func(q *dns.Msg) { q.Question = append(q.Question, q.Question[0]) }, dns.RcodeFormatError},
	} {
		odd := q.Copy()
		c.change(odd)
		r, err := dns.Exchange(odd, addr)
		if err != nil || r.Rcode != c.want {
			t.Errorf("%v: got %v, %v", odd, r, err)
		}
	}
}

func TestCacheHonoursTime(t *testing.T) {
	now := time.Unix(0, 0)
	c := newCache(1, func() time.Time { return now })
	q := new(dns.Msg)
	q.SetQuestion("a.example.", dns.TypeA)
	r := new(dns.Msg)
	r.SetReply(q)
	r.Answer = []dns.RR{address("a.example.", netip.MustParseAddr("192.0.2.1"), 10)}
	c.put(questionOf(q), r)
	now = now.Add(4 * time.Second)
	if got := c.get(questionOf(q), q); got == nil || got.Answer[0].Header().Ttl != 6 {
		t.Errorf("after 4 s of 10: %v", got)
	}
	now = now.Add(6 * time.Second)
	if got := c.get(questionOf(q), q); got != nil {
		t.Errorf("after its time: %v", got)
	}
}

func BenchmarkUDP(b *testing.B) {
	addr := start(b, fake.New(objects()...))
	q := new(dns.Msg)
	q.SetQuestion("web.shop.svc.cluster.local.", dns.TypeA)
	wire, err := q.Pack()
	if err != nil {
		b.Fatal(err)
	}
	b.RunParallel(func(pb *testing.PB) {
		c, err := net.Dial("udp", addr)
		if err != nil {
			b.Error(err)
			return
		}
		defer c.Close()
		in := make([]byte, 512)
		for pb.Next() {
			c.Write(wire)
			c.Read(in)
		}
	})
}

func BenchmarkAnswer(b *testing.B) {
	informers := client.NewInformers(fake.New(objects()...))
	s := &Server{zone: newZone("cluster.local.", informers)}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	informers.Start(ctx)
	s.zone.wait(ctx)
	q := new(dns.Msg)
	q.SetQuestion("web.shop.svc.cluster.local.", dns.TypeA)
	wire, _ := q.Pack()
	out := make([]byte, maxUDP)
	b.ReportAllocs()
	for b.Loop() {
		q := new(dns.Msg)
		q.Unpack(wire)
		r, _ := s.answer(q)
		fit(q, r).PackBuffer(out)
	}
}
