//go:build conformance

package conformance

import (
	"fmt"
	"strings"
)

// resolves wants a name's addresses, seen from the pod client.
func (t *T) resolves(name, kind string, wanted ...string) {
	t.Helper()
	t.until(name+" resolves", func() error {
		out, err := t.sh("client", "dig "+name+" "+kind)
		for _, w := range wanted {
			if !strings.Contains(out, w) {
				return fmt.Errorf("%q lacks %s (%v)", out, w, err)
			}
		}
		return nil
	})
}

func hostAndSubdomain(t *T) {
	t.create(`{apiVersion: v1, kind: Service, metadata: {name: sub}, spec: {clusterIP: None, selector: {app: client}, ports: [{port: 80}]}}`)
	t.create(pod("client", "sleep 600", "", "hostname: host, subdomain: sub"))
	ip := t.ready("client").str("status.podIP")
	fqdn := "host.sub." + t.ns + ".svc.cluster.local"
	t.resolves(fqdn, "A", "Address: "+ip)
	t.resolves("sub", "A", "Address: "+ip)
	t.equal("hostname", t.must("client", "hostname"), "host\n")
	t.contains("/etc/hosts", t.must("client", "cat /etc/hosts"), ip+"\t"+fqdn+"\thost")
	t.resolves("host", "A", "Address: "+ip)
}

func init() {
	add(map[string]func(*T){
		"NET003": func(t *T) {
			t.create(`{apiVersion: v1, kind: Service, metadata: {name: sub}, spec: {clusterIP: None, selector: {app: client}}}`)
			t.create(pod("client", "sleep 600", "", "hostname: host, subdomain: sub"))
			t.ready("client")
			ip := t.get("/api/v1/namespaces/default/services/kubernetes").str("spec.clusterIP")
			for _, name := range []string{"kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"} {
				t.resolves(name, "A", "Address: "+ip)
			}
			t.contains("/etc/hosts", t.must("client", "cat /etc/hosts"), "127.0.0.1\tlocalhost", t.get("pods/client").str("status.podIP")+"\thost.sub."+t.ns+".svc.cluster.local\thost")
		},
		"NET008": func(t *T) {
			t.client()
			ip := t.get("/api/v1/namespaces/default/services/kubernetes").str("spec.clusterIP")
			for _, name := range []string{"kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"} {
				t.resolves(name, "A", "Address: "+ip)
			}
		},
		"NET004": func(t *T) {
			t.client()
			t.create(`{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {type: ExternalName, externalName: kubernetes.default.svc.cluster.local}}`)
			name := "web." + t.ns + ".svc.cluster.local"
			t.resolves(name, "CNAME", "kubernetes.default.svc.cluster.local")
			t.create(`{apiVersion: v1, kind: Service, metadata: {name: other}, spec: {ports: [{port: 80}]}}`)
			t.patch("services/web", `{"spec":{"externalName":"other.`+t.ns+`.svc.cluster.local"}}`)
			t.resolves(name, "CNAME", "other."+t.ns+".svc.cluster.local")
			o := t.patch("services/web", `{"spec":{"type":"ClusterIP","externalName":null,"ports":[{"port":80}]}}`)
			t.resolves(name, "A", "Address: "+o.str("spec.clusterIP"))
		},
		"NET005": hostAndSubdomain, "NET006": hostAndSubdomain,
		"NET007": func(t *T) {
			pods := t.servers(2)
			t.create(service("clusterIP: None, ports: [{name: http, port: 8080}]"))
			o := t.create(strings.Replace(service("ports: [{name: http, port: 80, targetPort: 8080}]"), "web", "normal", 1))
			t.client()
			for _, suffix := range []string{"", "." + t.ns, "." + t.ns + ".svc", "." + t.ns + ".svc.cluster.local"} {
				t.resolves("web"+suffix, "A", "Address: "+t.get("pods/"+pods[0]).str("status.podIP"), "Address: "+t.get("pods/"+pods[1]).str("status.podIP"))
				t.resolves("normal"+suffix, "A", "Address: "+o.str("spec.clusterIP"))
			}
			t.resolves("_http._tcp.normal."+t.ns+".svc.cluster.local", "SRV", " 80 normal."+t.ns+".svc.cluster.local")
			t.resolves("_http._tcp.web."+t.ns+".svc.cluster.local", "SRV", " 8080 ")
		},
		"NET009": func(t *T) {
			pods := t.servers(1)
			t.create(service("clusterIP: None, ports: [{name: http, port: 8080}]"))
			o := t.create(strings.Replace(service("ports: [{name: http, port: 80, targetPort: 8080}]"), "web", "normal", 1))
			t.client()
			for _, suffix := range []string{"", "." + t.ns, "." + t.ns + ".svc"} {
				t.resolves("web"+suffix, "A", "Address: "+t.get("pods/"+pods[0]).str("status.podIP"))
				t.resolves("normal"+suffix, "A", "Address: "+o.str("spec.clusterIP"))
				if suffix != "" {
					t.resolves("_http._tcp.web"+suffix, "SRV", " 8080 ")
					t.resolves("_http._tcp.normal"+suffix, "SRV", " 80 ")
				}
			}
		},
		"NET010": func(t *T) {
			t.create(pod("client", "sleep 600", "", "dnsPolicy: None, dnsConfig: {nameservers: [1.1.1.1], searches: [resolv.conf.local]}"))
			t.ready("client")
			t.contains("/etc/resolv.conf", t.must("client", "cat /etc/resolv.conf"), "nameserver 1.1.1.1", "search resolv.conf.local")
		},
	})
}
