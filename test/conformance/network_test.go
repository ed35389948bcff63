//go:build conformance

package conformance

import (
	"fmt"
	"slices"
	"strings"
)

// service is a manifest of a Service named web for the pods app=main.
func service(spec string) string {
	return `{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {` + join("selector: {app: main}", spec) + `}}`
}

// addresses are the ready addresses of a Service, in its EndpointSlices.
func (t *T) addresses(name string) []string {
	t.Helper()
	var out []string
	for _, s := range t.items("endpointslices?labelSelector=kubernetes.io%2Fservice-name%3D" + name) {
		for _, e := range s.list("endpoints") {
			if e.str("conditions.ready") == "true" {
				out = append(out, e.str("addresses.0"))
			}
		}
	}
	slices.Sort(out)
	return out
}

// backed waits until a Service has exactly these pods, in Endpoints and
// EndpointSlices both.
func (t *T) backed(name string, pods ...string) {
	t.Helper()
	var ips []string
	for _, p := range pods {
		ips = append(ips, t.get("pods/"+p).str("status.podIP"))
	}
	slices.Sort(ips)
	t.until(name+" has the endpoints of its pods", func() error {
		var old []string
		a := t.do(request{Method: "GET", Path: t.path("endpoints/" + name)})
		for _, subset := range a.Body.list("subsets") {
			for _, address := range subset.list("addresses") {
				old = append(old, address.str("ip"))
			}
		}
		slices.Sort(old)
		return want("slices and endpoints", fmt.Sprint(t.addresses(name), old), fmt.Sprint(ips, ips))
	})
}

// answers wants the pods behind an address, as seen from a client pod: all of
// them, and nobody else, within many requests.
func (t *T) answers(client, address string, pods ...string) {
	t.Helper()
	slices.Sort(pods)
	t.until(address+" answers for its pods", func() error {
		out, err := t.sh(client, fmt.Sprintf("for i in $(seq 1 %d); do wget -T 2 -q -O - http://%s/hostname; echo; done", 8*len(pods), address))
		if err != nil {
			return err
		}
		seen := strings.Fields(out)
		slices.Sort(seen)
		return want("who answers", fmt.Sprint(slices.Compact(seen)), fmt.Sprint(pods))
	})
}

func (t *T) nodeIPs() []string {
	t.Helper()
	var out []string
	for _, n := range []string{"node-1", "node-2"} {
		out = append(out, t.get("nodes/"+n).str("status.addresses.0.address"))
	}
	return out
}

// servers makes serving pods named main-0, main-1, … with the label app=main.
func (t *T) servers(n int) []string {
	t.Helper()
	var list []string
	for i := range n {
		name := fmt.Sprintf("main-%d", i)
		o := parse(serverPod(name, "", ""))
		o.set("metadata.labels.app", "main")
		t.createObject(o)
		list = append(list, name)
	}
	t.ready(list...)
	return list
}

func (t *T) client() {
	t.Helper()
	t.create(pod("client", "sleep 600", "", ""))
	t.ready("client")
}

// sticks wants all of a client's requests answered by one pod.
func (t *T) sticks(address string) {
	t.Helper()
	t.until(address+" sticks to a pod", func() error {
		out, err := t.sh("client", "for i in $(seq 1 15); do wget -T 2 -q -O - http://"+address+"/hostname; echo; done")
		if err != nil {
			return err
		}
		return want("pods that answer", len(slices.Compact(slices.Sorted(slices.Values(strings.Fields(out))))), 1)
	})
}

// affinity checks ClientIP affinity, and with switches also None in between.
func affinity(kind string, switches bool) func(*T) {
	return func(t *T) {
		pods := t.servers(3)
		o := t.create(service("type: " + kind + ", sessionAffinity: ClientIP, ports: [{port: 80, targetPort: 8080}]"))
		t.client()
		t.backed("web", pods...)
		address := []string{"web", o.str("spec.clusterIP")}
		if kind == "NodePort" {
			for _, ip := range t.nodeIPs() {
				address = append(address, ip+":"+o.str("spec.ports.0.nodePort"))
			}
		}
		for _, a := range address {
			t.sticks(a)
		}
		if !switches {
			return
		}
		t.patch("services/web", `{"spec":{"sessionAffinity":"None"}}`)
		for _, a := range address {
			t.answers("client", a, pods...)
		}
		t.patch("services/web", `{"spec":{"sessionAffinity":"ClientIP"}}`)
		for _, a := range address {
			t.sticks(a)
		}
	}
}

func granular(from string, udp bool) func(*T) {
	return func(t *T) {
		var names []string
		for _, node := range []string{"node-1", "node-2"} {
			name := "serve-" + node
			o := parse(serverPod(name, "", "nodeName: "+node))
			o["spec"].(map[string]any)["containers"] = append(o.at("spec.containers").([]any), map[string]any(parse(`{name: udp, image: `+image+`, command: [udp-echo, "8081"]}`)))
			t.createObject(o)
			names = append(names, name)
		}
		spec := "nodeName: node-1"
		if from == "node" {
			spec = join(spec, "hostNetwork: true")
		}
		t.create(pod("client", "sleep 600", "", spec))
		t.ready(append(names, "client")...)
		for _, name := range names {
			ip := t.get("pods/" + name).str("status.podIP")
			if udp {
				t.shows("client", "echo to "+name+" | nc -u -w 1 "+ip+" 8081", "to "+name)
			} else {
				t.shows("client", "wget -T 2 -q -O - http://"+ip+":8080/hostname", name)
			}
		}
	}
}

func init() {
	add(map[string]func(*T){
		"NET001": func(t *T) {
			e := t.get("/api/v1/namespaces/default/endpoints/kubernetes")
			slice := t.get("/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes")
			ip := e.str("subsets.0.addresses.0.ip")
			t.equal("addresses", slice.str("endpoints.0.addresses.0"), ip)
			t.equal("ports", slice.str("ports.0.port"), e.str("subsets.0.ports.0.port"))
			t.client()
			t.shows("client", "wget -T 3 -q -O - --no-check-certificate https://"+ip+":"+e.str("subsets.0.ports.0.port")+"/livez", "ok")
		},
		"NET002": func(t *T) {
			o := t.get("/api/v1/namespaces/default/services/kubernetes")
			t.equal("port", o.str("spec.ports.0.name")+o.str("spec.ports.0.port"), "https443")
		},
		"NET042": func(t *T) {
			found := false
			for _, o := range t.items("/api/v1/services") {
				found = found || o.name() == "kubernetes" && o.str("metadata.namespace") == "default"
			}
			t.equal("found", found, true)
		},
		"NET011": func(t *T) {
			t.discovered(placesByPlural["endpointslices"])
			pods := t.servers(2)
			t.create(service("ports: [{name: http, port: 80, targetPort: 8080}]"))
			t.backed("web", pods...)
			s := t.items("endpointslices")[0]
			t.equal("port", s.str("ports.0.name")+s.str("ports.0.port"), "http8080")
			t.equal("target", s.str("endpoints.0.targetRef.kind"), "Pod")
		},
		"NET012": emptyService, "NET019": emptyService,
		"NET018": func(t *T) {
			t.create(service("ports: [{port: 80, targetPort: 8080}]"))
			pods := t.servers(2)
			t.backed("web", pods...)
			t.remove("pods/main-1")
			t.gone("pods/main-1")
			t.backed("web", "main-0")
		},
		"NET013": func(t *T) {
			t.servers(2)
			t.create(`{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {ports: [{port: 80, targetPort: 8080}]}}`)
			for _, name := range []string{"main-0", "main-1"} {
				t.create(slice(name, t.get("pods/"+name).str("status.podIP"), "{port: 8080, protocol: TCP, name: ''}"))
			}
			t.client()
			t.answers("client", "web", "main-0", "main-1")
		},
		"NET014": func(t *T) {
			ip := t.get("pods/" + t.servers(1)[0]).str("status.podIP")
			t.create(pod("other", "httpd -p 9090", "", ""))
			t.ready("other")
			t.create(`{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {ports: [{name: a, port: 80}, {name: b, port: 81}]}}`)
			t.create(slice("one", ip, "{port: 8080, protocol: TCP, name: a}"))
			t.create(slice("two", t.get("pods/other").str("status.podIP"), "{port: 9090, protocol: TCP, name: b}"))
			t.client()
			t.answers("client", "web:80", "main-0")
			t.answers("client", "web:81", "other")
		},
		"NET016": func(t *T) {
			t.discovered(placesByPlural["endpointslices"])
			t.create(`{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {ports: [{name: a, port: 80}]}}`)
			t.create(`{apiVersion: v1, kind: Endpoints, metadata: {name: web}, subsets: [{addresses: [{ip: 10.1.2.3}], ports: [{name: a, port: 80}]}]}`)
			mirrored := func(wanted ...string) {
				t.until("the mirror", func() error { return want("addresses", fmt.Sprint(t.addresses("web")), fmt.Sprint(wanted)) })
			}
			mirrored("10.1.2.3")
			t.update("endpoints/web", func(o object) {
				o["subsets"] = parse(`{a: [{addresses: [{ip: 10.2.3.4}], ports: [{name: a, port: 81}]}]}`)["a"]
			})
			mirrored("10.2.3.4")
			t.remove("endpoints/web")
			mirrored()
		},
		"NET020": func(t *T) {
			node := t.nodeIPs()[0]
			for i, spec := range []string{"hostIP: 127.0.0.1, protocol: TCP", "hostIP: NODE, protocol: TCP", "hostIP: NODE, protocol: UDP"} {
				spec = strings.ReplaceAll(spec, "NODE", node)
				t.create(pod(fmt.Sprintf("p%d", i), []string{"httpd -p 8080", "httpd -p 8080", "udp-echo 8080"}[i], "ports: [{containerPort: 8080, hostPort: 54323, "+spec+"}]", "nodeSelector: {kubernetes.io/hostname: node-1}"))
			}
			t.create(pod("client", "sleep 600", "", "hostNetwork: true, nodeSelector: {kubernetes.io/hostname: node-1}"))
			t.ready("p0", "p1", "p2", "client")
			t.shows("client", "wget -T 2 -q -O - http://127.0.0.1:54323/hostname", "p0")
			t.shows("client", "wget -T 2 -q -O - http://"+node+":54323/hostname", "p1")
			t.shows("client", "echo over udp | nc -u -w 1 "+node+" 54323", "over udp")
		},
		"NET023": granular("pod", false), "NET024": granular("pod", true),
		"NET025": granular("node", false), "NET026": granular("node", true),
		"NET027": proxies(""), "NET028": proxies("/echo"),
		"NET032": func(t *T) {
			operations("networking.k8s.io/v1/ServiceCIDR", "status")(t)
			o := t.create(`{apiVersion: networking.k8s.io/v1, kind: ServiceCIDR, metadata: {name: net032}, spec: {cidrs: [10.252.0.0/24]}}`)
			t.wait("/apis/networking.k8s.io/v1/servicecidrs/"+o.name(), "it is ready", func(o object) error { return want("Ready", o.condition("Ready"), "True") })
		},
		"NET033": func(t *T) {
			t.servers(1)
			o := t.create(service("ports: [{port: 80, targetPort: 8080}]"))
			t.create(strings.Replace(service("ports: [{port: 80, targetPort: 8080}]"), "web", "target", 1))
			t.client()
			t.equal("it has an address", o.str("spec.clusterIP") != "", true)
			t.toExternal()
		},
		"NET036": func(t *T) {
			t.servers(1)
			o := t.create(service("type: NodePort, ports: [{port: 80, targetPort: 8080}]"))
			t.create(strings.Replace(service("ports: [{port: 80, targetPort: 8080}]"), "web", "target", 1))
			t.client()
			port := o.str("spec.ports.0.nodePort")
			t.toExternal()
			t.create(strings.Replace(service("type: NodePort, ports: [{port: 80, nodePort: "+port+"}]"), "web", "heir", 1))
		},
		"NET034": fromExternal("ClusterIP"), "NET035": fromExternal("NodePort"),
		"NET037": func(t *T) {
			pods := t.servers(2)
			o := t.create(service("type: NodePort, ports: [{port: 80, targetPort: 8080}]"))
			t.client()
			t.answers("client", "web", pods...)
			t.answers("client", o.str("spec.clusterIP"), pods...)
			for _, ip := range t.nodeIPs() {
				t.answers("client", ip+":"+o.str("spec.ports.0.nodePort"), pods...)
			}
		},
		"NET038": affinity("NodePort", true), "NET039": affinity("ClusterIP", true),
		"NET043": affinity("NodePort", false), "NET044": affinity("ClusterIP", false),
		"NET045": func(t *T) {
			t.create(service("ports: [{port: 80, targetPort: 8080}]"))
			t.backed("web")
			t.servers(1)
			t.backed("web", "main-0")
			o := parse(serverPod("main-1", "", ""))
			o.set("metadata.labels.app", "main")
			t.createObject(o)
			t.ready("main-1")
			t.backed("web", "main-0", "main-1")
			t.client()
			t.answers("client", "web", "main-0", "main-1")
			t.remove("pods/main-1")
			t.gone("pods/main-1")
			t.backed("web", "main-0")
			t.remove("pods/main-0")
			t.gone("pods/main-0")
			t.backed("web")
		},
		"NET046": bothProtocols, "NET047": multiPort,
	})
}

func slice(name, ip, port string) string {
	return `{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: ` + name + `, labels: {kubernetes.io/service-name: web}}, addressType: IPv4, endpoints: [{addresses: ['` + ip + `'], conditions: {ready: true}}], ports: [` + port + `]}`
}

func emptyService(t *T) {
	t.create(service("ports: [{port: 80}]"))
	t.wait("endpoints/web", "empty Endpoints", func(o object) error { return want("subsets", len(o.list("subsets")), 0) })
	t.until("an EndpointSlice", func() error {
		return want("slices", len(t.items("endpointslices?labelSelector=kubernetes.io%2Fservice-name%3Dweb")), 1)
	})
	t.backed("web")
	t.remove("services/web")
	t.gone("endpoints/web")
	t.until("no EndpointSlice", func() error { return want("slices", len(t.items("endpointslices")), 0) })
}

// proxies sends every method through the proxies of a pod and of a Service.
func proxies(path string) func(*T) {
	return func(t *T) {
		t.servers(1)
		t.create(service("ports: [{port: 80, targetPort: 8080}]"))
		t.backed("web", "main-0")
		for _, at := range []string{"pods/main-0:8080/proxy", "pods/main-0/proxy", "services/web/proxy", "services/web:80/proxy"} {
			for _, method := range []string{"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"} {
				t.until(method+" "+at, func() error {
					a := t.do(request{Method: method, Path: t.path(at) + path + "?method=" + method, Body: "text"})
					if err := a.err(200); err != nil || path == "" || method == "HEAD" {
						return err
					}
					return want("what arrived", strings.HasPrefix(string(a.Raw), method+" /echo?method="+method), true)
				})
			}
		}
	}
}

// toExternal makes web an ExternalName of the Service target.
func (t *T) toExternal() {
	t.Helper()
	ip := t.get("services/target").str("spec.clusterIP")
	t.patch("services/web", fmt.Sprintf(`{"spec":{"type":"ExternalName","externalName":"target.%s.svc.cluster.local","clusterIP":null,"clusterIPs":null}}`, t.ns))
	o := t.get("services/web")
	t.equal("clusterIP", o.str("spec.clusterIP"), "")
	t.equal("nodePort", o.str("spec.ports.0.nodePort"), "")
	t.shows("client", "nslookup web."+t.ns+".svc.cluster.local", "Address: "+ip)
}

func fromExternal(kind string) func(*T) {
	return func(t *T) {
		pods := t.servers(2)
		o := t.create(`{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {type: ExternalName, externalName: foo.example.com}}`)
		t.equal("clusterIP", o.str("spec.clusterIP"), "")
		o = t.patch("services/web", `{"spec":{"type":"`+kind+`","externalName":null,"selector":{"app":"main"},"ports":[{"port":80,"protocol":"TCP","targetPort":8080}]}}`)
		t.client()
		t.answers("client", "web", pods...)
		t.answers("client", o.str("spec.clusterIP"), pods...)
		if kind == "NodePort" {
			for _, ip := range t.nodeIPs() {
				t.answers("client", ip+":"+o.str("spec.ports.0.nodePort"), pods...)
			}
		}
	}
}

func bothProtocols(t *T) {
	o := parse(serverPod("main", "", ""))
	o["spec"].(map[string]any)["containers"] = append(o.at("spec.containers").([]any), map[string]any(parse(`{name: udp, image: `+image+`, command: [udp-echo, "8080"]}`)))
	t.createObject(o)
	const tcp, udp = "{name: tcp, port: 80, protocol: TCP, targetPort: 8080}", "{name: udp, port: 80, protocol: UDP, targetPort: 8080}"
	t.create(service("ports: [" + tcp + ", " + udp + "]"))
	t.client()
	t.ready("main")
	works := func(script, text string, wanted bool) {
		t.until(script, func() error {
			out, _ := t.sh("client", script)
			return want("it answers", strings.Contains(out, text), wanted)
		})
	}
	both := func(overTCP, overUDP bool) {
		works("wget -T 1 -q -O - http://web/hostname", "main", overTCP)
		works("echo over udp | nc -u -w 1 web 80", "over udp", overUDP)
	}
	both(true, true)
	only := func(port string) {
		t.update("services/web", func(o object) { o.at("spec").(map[string]any)["ports"] = parse("{a: [" + port + "]}")["a"] })
	}
	only(tcp)
	both(true, false)
	only(udp)
	both(false, true)
}

func multiPort(t *T) {
	t.create(service("ports: [{name: a, port: 80, targetPort: pa}, {name: b, port: 81, targetPort: pb}]"))
	t.backed("web")
	ports := func(wanted string) {
		t.until("the ports "+wanted, func() error {
			var got []string
			for _, subset := range t.get("endpoints/web").list("subsets") {
				for _, p := range subset.list("ports") {
					got = append(got, fmt.Sprintf("%s:%s", p.str("name"), p.str("port")))
				}
			}
			slices.Sort(got)
			return want("ports", fmt.Sprint(got), wanted)
		})
	}
	make := func(name, port string, n int) {
		o := parse(pod(name, fmt.Sprintf("httpd -p %d", n), fmt.Sprintf("ports: [{name: %s, containerPort: %d}]", port, n), ""))
		o.set("metadata.labels.app", "main")
		t.createObject(o)
		t.ready(name)
	}
	make("one", "pa", 8080)
	ports("[a:8080]")
	make("two", "pb", 9090)
	ports("[a:8080 b:9090]")
	t.client()
	t.answers("client", "web:80", "one")
	t.answers("client", "web:81", "two")
	t.remove("pods/one")
	ports("[b:9090]")
	t.remove("pods/two")
	ports("[]")
}
