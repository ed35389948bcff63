//go:build conformance

package conformance

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// hookProgram is the webhook server, built once for all rows.
var hookProgram = sync.OnceValues(func() (string, error) {
	return buildProgram("webhook")
})

// buildProgram builds a program of test/images and returns its path.
func buildProgram(name string) (string, error) {
	dir, err := os.MkdirTemp("", "conformance-"+name+"-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, name)
	build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", path, "../images/"+name)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", name, err, out)
	}
	return path, nil
}

// hooks is a webhook server that runs as a pod behind the Service hook.
type hooks struct {
	*T
	ca []byte
}

// marker is the label of config maps by which a row learns that a configuration
// is in effect and its server is reached.
const marker = "webhook-marker"

// serveHooks runs a webhook server with rules by path (test/images/webhook).
func (t *T) serveHooks(rules string) *hooks {
	t.Helper()
	program, err := hookProgram()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	h := &hooks{t, t.certificate(dir)}
	if err := os.Link(program, filepath.Join(dir, "webhook")); err != nil {
		t.Fatal(err)
	}
	var byPath map[string]any
	if err := json.Unmarshal([]byte(rules), &byPath); err != nil {
		t.Fatal(err)
	}
	byPath["/marker"] = []any{map[string]any{"deny": "in effect"}}
	text, err := json.Marshal(byPath)
	if err != nil {
		t.Fatal(err)
	}
	p := parse(`{apiVersion: v1, kind: Pod, metadata: {name: hook, labels: {app: hook}}, spec: {terminationGracePeriodSeconds: 1, volumes: [{name: v, hostPath: {path: ` + dir + `, type: Directory}}],
  containers: [{name: main, image: ` + image + `, volumeMounts: [{name: v, mountPath: /hook}], readinessProbe: {periodSeconds: 1, httpGet: {scheme: HTTPS, path: /healthz, port: 8444}}}]}}`)
	p.list("spec.containers")[0]["command"] = []string{"/hook/webhook", "/hook/cert.pem", "/hook/key.pem", string(text)}
	t.createObject(p)
	t.create(`{apiVersion: v1, kind: Service, metadata: {name: hook}, spec: {selector: {app: hook}, ports: [{port: 8443, targetPort: 8444}]}}`)
	t.ready("hook")
	t.patch("/api/v1/namespaces/"+t.ns, `{"metadata":{"labels":{"hooked":"`+t.ns+`"}}}`)
	return h
}

// certificate writes one for the service into dir and returns it: it vouches
// for itself.
func (t *T) certificate(dir string) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"hook." + t.ns + ".svc"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for name, data := range map[string][]byte{"cert.pem": cert, "key.pem": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert
}

func (h *hooks) client(path string) object {
	return object{"service": object{"namespace": h.ns, "name": "hook", "path": path, "port": 8443}, "caBundle": base64.StdEncoding.EncodeToString(h.ca)}
}

// hook is a webhook for some operations on resources ("apps/v1/deployments",
// "/v1/pods") in the row's namespace.
func (h *hooks) hook(name, path, operations, resources string) object {
	rule := parse(`{operations: [` + operations + `]}`)
	var group, version, plural string
	for i, part := range strings.SplitN(resources, "/", 3) {
		*[]*string{&group, &version, &plural}[i] = part
	}
	rule["apiGroups"], rule["apiVersions"], rule["resources"] = []string{group}, []string{version}, []string{plural}
	return object{
		"name": name + ".hooks.example.com", "clientConfig": h.client(path), "rules": []any{rule},
		"sideEffects": "None", "admissionReviewVersions": []string{"v1"},
		"namespaceSelector": object{"matchLabels": object{"hooked": h.ns}},
		"objectSelector":    object{"matchExpressions": []any{object{"key": marker, "operator": "DoesNotExist"}}},
	}
}

// configure stores a configuration of hooks and waits until it is in effect.
func (h *hooks) configure(kind, name string, list ...object) string {
	h.Helper()
	mark := h.hook("marker", "/marker", "CREATE", "/v1/configmaps")
	mark["objectSelector"] = object{"matchLabels": object{marker: h.id + name}}
	o := object{"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "webhooks": append([]object{mark}, list...)}.
		set("metadata.name", h.ns+"-"+name).set("metadata.labels.row", h.id)
	h.createObject(o)
	h.effective(name)
	return "/apis/admissionregistration.k8s.io/v1/" + plurals[kind] + "/" + h.ns + "-" + name
}

var plurals = map[string]string{"MutatingWebhookConfiguration": "mutatingwebhookconfigurations", "ValidatingWebhookConfiguration": "validatingwebhookconfigurations"}

// effective waits until the configuration is asked.
func (h *hooks) effective(name string) {
	h.Helper()
	h.until("the configuration is in effect", func() error {
		a := h.marked(name)
		return a.saying(400, "in effect")
	})
}

// marked asks the marker webhook of a configuration.
func (h *hooks) marked(name string) answer {
	o := object{"apiVersion": "v1", "kind": "ConfigMap"}.set("metadata.name", "marker").set("metadata.labels."+marker, h.id+name)
	return h.do(request{Method: "POST", Path: h.path("configmaps") + "?dryRun=All", Body: o})
}

// configMap creates one with data.
func (t *T) configMap(name, data string) answer {
	o := parse(`{apiVersion: v1, kind: ConfigMap, metadata: {name: ` + name + `}, data: ` + data + `}`)
	return t.do(request{Method: "POST", Path: t.path("configmaps"), Body: o})
}

// accepted is an answer of success.
func (t *T) accepted(a answer) object {
	t.Helper()
	if err := a.err(); err != nil {
		t.Fatal(err)
	}
	return a.Body
}

// deniedWith is an answer with a code and text.
func (t *T) deniedWith(a answer, code int, text string) {
	t.Helper()
	if err := a.saying(code, text); err != nil {
		t.Fatal(err)
	}
}

// saying is nil for an answer with the code whose text has the part.
func (a answer) saying(code int, part string) error {
	if err := a.err(code); err != nil {
		return err
	}
	if !strings.Contains(a.Body.str("message"), part) {
		return fmt.Errorf("answer %d lacks %q: %s", a.Code, part, a.text())
	}
	return nil
}
