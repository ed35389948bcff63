//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// seedRights is a service account that may get the pods of its namespace and
// nothing else, and one pod with its secret on a node that is not node-1.
const seedRights = `
apiVersion: v1
kind: Namespace
metadata: {name: narrow}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: reader, namespace: narrow}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: get-pods, namespace: narrow}
rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: get-pods, namespace: narrow}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: get-pods}
subjects: [{kind: ServiceAccount, name: reader}]
---
apiVersion: v1
kind: Secret
metadata: {name: elsewhere, namespace: narrow}
---
apiVersion: v1
kind: Secret
metadata: {name: here, namespace: narrow}
---
apiVersion: v1
kind: Pod
metadata: {name: elsewhere, namespace: narrow}
spec:
  nodeName: node-2
  terminationGracePeriodSeconds: 0
  containers: [{name: c, image: toolbox, imagePullPolicy: Never, envFrom: [{secretRef: {name: elsewhere}}]}]
---
apiVersion: v1
kind: Pod
metadata: {name: here, namespace: narrow}
spec:
  nodeName: node-1
  terminationGracePeriodSeconds: 0
  containers: [{name: c, image: toolbox, imagePullPolicy: Never, envFrom: [{secretRef: {name: here}}]}]
`

// TestNarrowRights: who has few rights is refused everything else, with
// Kubernetes' words.
func TestNarrowRights(t *testing.T) {
	c := up(t, 1, "--isolated")
	c.apply(seedRights)
	admin := c.admin()
	reader := c.bearer(strings.TrimSpace(c.kubectl("create", "token", "reader", "-n", "narrow")))
	t.Run("every resource", func(t *testing.T) { readerAndResources(t, admin, reader) })
	t.Run("by hand", func(t *testing.T) { readerByHand(t, reader) })
	t.Run("a node", func(t *testing.T) { nodeByHand(t, c) })
}

// mayAll are what every authenticated user may create.
var mayAll = []string{"selfsubjectreviews", "selfsubjectaccessreviews", "selfsubjectrulesreviews"}

// mayRead is what every service account may read.
const mayRead = "clustertrustbundles"

// readerAndResources tries every verb on every resource that the server names.
func readerAndResources(t *testing.T, admin, reader *adminClient) {
	methods := map[string]string{"get": "GET", "list": "GET", "watch": "GET", "create": "POST", "update": "PUT", "patch": "PATCH", "delete": "DELETE", "deletecollection": "DELETE"}
	tried := 0
	for _, version := range versions(t, admin) {
		var list metav1.APIResourceList
		admin.decode(t, version, &list)
		for _, r := range list.APIResources {
			for _, verb := range r.Verbs {
				resource, sub, _ := strings.Cut(r.Name, "/")
				path := version + "/"
				if r.Namespaced {
					path += "namespaces/narrow/"
				}
				path += resource
				if verb != "list" && verb != "watch" && verb != "deletecollection" && (verb != "create" || sub != "") {
					path += "/here"
				}
				if sub != "" {
					path += "/" + sub
				}
				if verb == "watch" {
					path += "?watch=1"
				}
				want := http.StatusForbidden
				switch {
				case resource == mayRead && verb == "watch":
					continue // it would last
				case resource == mayRead && verb == "list":
					want = http.StatusOK
				case resource == mayRead && verb == "get":
					want = http.StatusNotFound
				case slices.Contains(mayAll, resource):
					want = http.StatusCreated
				case version == "/api/v1" && r.Name == "pods" && verb == "get":
					want = http.StatusOK
				}
				body := fmt.Sprintf(`{"apiVersion":%q,"kind":%q,"metadata":{"name":"here"}}`, strings.TrimPrefix(strings.TrimPrefix(version, "/apis/"), "/api/"), r.Kind)
				if r.Group != "" || r.Version != "" {
					body = "{}"
				}
				media := jsonBody
				if verb == "patch" {
					media = mergePatch
				}
				if resource == "selfsubjectaccessreviews" {
					body = `{"spec":{"resourceAttributes":{"verb":"get","resource":"pods"}}}`
				}
				if resource == "selfsubjectrulesreviews" {
					body = `{"spec":{"namespace":"narrow"}}`
				}
				tried++
				if code, text := reader.do(methods[verb], path, media, body); code != want {
					t.Errorf("%s %s: %d, wanted %d: %.300s", verb, path, code, want, text)
				}
			}
		}
	}
	t.Logf("%d operations", tried)
}

// versions lists the paths of all group versions.
func versions(t *testing.T, admin *adminClient) []string {
	var groups metav1.APIGroupList
	admin.decode(t, "/apis", &groups)
	paths := []string{"/api/v1"}
	for _, g := range groups.Groups {
		for _, v := range g.Versions {
			paths = append(paths, "/apis/"+v.GroupVersion)
		}
	}
	return paths
}

// attempt is a request and the answer's code.
type attempt struct {
	name, method, path, media, body string
	code                            int
	message                         string
}

func (a attempt) check(t *testing.T, by *adminClient) {
	t.Helper()
	media := a.media
	if media == "" {
		media = jsonBody
	}
	code, text := by.do(a.method, a.path, media, a.body)
	if code != a.code || !strings.Contains(text, a.message) {
		t.Errorf("%s: %s %s: got %d %.400s, wanted %d …%s…", a.name, a.method, a.path, code, text, a.code, a.message)
	}
}

func readerByHand(t *testing.T, reader *adminClient) {
	const me = `User \"system:serviceaccount:narrow:reader\" cannot `
	const rbac = "/apis/rbac.authorization.k8s.io/v1"
	const toMaster = `"metadata":{"name":"up"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"cluster-admin"},"subjects":[{"kind":"ServiceAccount","name":"reader","namespace":"narrow"}]}`
	for _, a := range []attempt{
		{"its right", "GET", "/api/v1/namespaces/narrow/pods/here", "", "", 200, `"name":"here"`},
		{"its right on nothing", "GET", "/api/v1/namespaces/narrow/pods/none", "", "", 404, `pods \"none\" not found`},
		{"another namespace", "GET", "/api/v1/namespaces/default/pods/here", "", "", 403, me + `get resource \"pods\" in API group \"\" in the namespace \"default\"`},
		{"a namespace that is not", "GET", "/api/v1/namespaces/nowhere/pods/here", "", "", 403, me},
		{"all namespaces", "GET", "/api/v1/pods", "", "", 403, me + `list resource \"pods\" in API group \"\" at the cluster scope`},
		{"list of one", "GET", "/api/v1/namespaces/narrow/pods?fieldSelector=metadata.name%3Dhere", "", "", 403, me + `list`},
		{"watch path of one", "GET", "/api/v1/watch/namespaces/narrow/pods/here", "", "", 403, me + `watch`},
		{"get that is a watch", "GET", "/api/v1/namespaces/narrow/pods?watch=true", "", "", 403, me + `watch`},
		{"log", "GET", "/api/v1/namespaces/narrow/pods/here/log", "", "", 403, me + `get resource \"pods/log\"`},
		{"exec by GET", "GET", "/api/v1/namespaces/narrow/pods/here/exec?command=x", "", "", 403, me},
		{"ephemeral containers", "PATCH", "/api/v1/namespaces/narrow/pods/here/ephemeralcontainers", mergePatch, "{}", 403, me},
		{"no such subresource", "GET", "/api/v1/namespaces/narrow/pods/here/none", "", "", 403, me},
		{"no such resource", "GET", "/api/v1/namespaces/narrow/nones/here", "", "", 403, me},
		{"another spelling", "GET", "/api/v1/namespaces/narrow/Pods/here", "", "", 403, me},
		{"double slash", "GET", "/api/v1/namespaces/narrow//pods/here", "", "", 403, ""},
		{"dots", "GET", "/api/v1/namespaces/narrow/pods/../secrets/here", "", "", 403, ""},
		{"dots in disguise", "GET", "/api/v1/namespaces/narrow/pods/%2e%2e%2fsecrets%2fhere", "", "", 403, ""},
		{"dry run", "POST", "/api/v1/namespaces/narrow/pods?dryRun=All", "", "{}", 403, me + "create"},
		{"HEAD is get", "HEAD", "/api/v1/namespaces/narrow/secrets/here", "", "", 403, ""},
		{"healthz", "GET", "/healthz", "", "", 200, "ok"},
		{"version", "GET", "/version", "", "", 200, "gitVersion"},
		{"discovery", "GET", "/apis", "", "", 200, ""},
		{"metrics", "GET", "/metrics", "", "", 403, me + `get path \"/metrics\"`},
		{"profiles", "GET", "/debug/pprof/heap", "", "", 403, me + `get path`},
		{"logs", "GET", "/logs/", "", "", 403, me},
		{"discovery by POST", "POST", "/apis", "", "{}", 403, me + `post path \"/apis\"`},
		{"impersonating a user", "GET", "/api/v1/pods", jsonBody + "\nImpersonate-User: kubernetes-admin", "", 403, me + `impersonate-on:user-info:list resource \"pods\"`},
		{"impersonating itself with a group", "GET", "/api/v1/pods", jsonBody + "\nImpersonate-User: system:serviceaccount:narrow:reader\nImpersonate-Group: system:masters", "", 403, me + `impersonate`},
		{"impersonating nobody with a group", "GET", "/api/v1/pods", jsonBody + "\nImpersonate-Group: system:masters", "", 400, "without impersonating a user"},
		{"forged front proxy", "GET", "/api/v1/pods", jsonBody + "\nX-Remote-User: kubernetes-admin", "", 403, me},
		{"its own token", "POST", "/api/v1/namespaces/narrow/serviceaccounts/reader/token", "", "{}", 403, me + `create resource \"serviceaccounts/token\"`},
		{"another's token", "POST", "/api/v1/namespaces/kube-system/serviceaccounts/replicaset-controller/token", "", "{}", 403, me},
		{"binding itself", "POST", rbac + "/namespaces/narrow/rolebindings", "", `{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"RoleBinding",` + toMaster, 403, me},
		{"binding itself to all", "POST", rbac + "/clusterrolebindings", "", `{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRoleBinding",` + toMaster, 403, me},
		{"widening its role", "PATCH", rbac + "/namespaces/narrow/roles/get-pods", mergePatch, `{"rules":[{"apiGroups":["*"],"resources":["*"],"verbs":["*"]}]}`, 403, me},
		{"asking whether it may", "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "", `{"spec":{"resourceAttributes":{"verb":"list","resource":"secrets","namespace":"narrow"}}}`, 201, `"allowed":false`},
	} {
		a.check(t, reader)
	}
}

func nodeByHand(t *testing.T, c *Cluster) {
	node := c.withCert("nodes/node-1/client")
	const pod = "/api/v1/namespaces/narrow/pods"
	const leases = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
	token := func(name string) string {
		uid := c.kubectl("get", "pod", name, "-n", "narrow", "-o", "jsonpath={.metadata.uid}")
		return fmt.Sprintf(`{"spec":{"boundObjectRef":{"apiVersion":"v1","kind":"Pod","name":%q,"uid":%q}}}`, name, uid)
	}
	const account = "/api/v1/namespaces/narrow/serviceaccounts/default/token"
	for _, a := range []attempt{
		{"a secret of its pod", "GET", "/api/v1/namespaces/narrow/secrets/here", "", "", 200, `"name":"here"`},
		{"a secret of another node's pod", "GET", "/api/v1/namespaces/narrow/secrets/elsewhere", "", "", 403, "no relationship found between node 'node-1' and this object"},
		{"all secrets", "GET", "/api/v1/namespaces/narrow/secrets", "", "", 403, "No Object name found"},
		{"secrets of the cluster", "GET", "/api/v1/secrets?watch=1", "", "", 403, ""},
		{"writing its secret", "PATCH", "/api/v1/namespaces/narrow/secrets/here", mergePatch, "{}", 403, ""},
		{"its pod's status", "PATCH", pod + "/here/status", mergePatch, `{"status":{"message":"m"}}`, 200, ""},
		{"its pod's labels by way of the status", "PATCH", pod + "/here/status", mergePatch, `{"metadata":{"labels":{"a":"b"}}}`, 403, "cannot update labels through pod status"},
		{"another node's pod's status", "PATCH", pod + "/elsewhere/status", mergePatch, `{"status":{"message":"m"}}`, 403, "can only update pod status for pods with spec.nodeName set to itself"},
		{"its pod's spec", "PATCH", pod + "/here", mergePatch, `{"spec":{"activeDeadlineSeconds":5}}`, 403, ""},
		{"another node's pod's end", "DELETE", pod + "/elsewhere", "", "", 403, "can only delete pods with spec.nodeName set to itself"},
		{"a pod of its own making", "POST", pod, "", `{"metadata":{"name":"made"},"spec":{"nodeName":"node-1","containers":[{"name":"c","image":"i"}]}}`, 403, "can only create mirror pods"},
		{"its node's role", "PATCH", "/api/v1/nodes/node-1", mergePatch, `{"metadata":{"labels":{"node-role.kubernetes.io/control-plane":""}}}`, 403, "is not allowed to modify labels"},
		{"its node's taints", "PATCH", "/api/v1/nodes/node-1", mergePatch, `{"spec":{"taints":[{"key":"a","effect":"NoExecute"}]}}`, 403, "is not allowed to modify taints"},
		{"another node", "POST", "/api/v1/nodes", "", `{"metadata":{"name":"node-2"}}`, 403, `node \"node-1\" is not allowed to modify node`},
		{"its end", "DELETE", "/api/v1/nodes/node-1", "", "", 403, ""},
		{"its lease", "GET", leases + "/node-1", "", "", 200, ""},
		{"another node's lease", "GET", leases + "/node-2", "", "", 403, ""},
		{"another node's lease, new", "POST", leases, "", `{"metadata":{"name":"node-2"}}`, 403, "can only access"},
		{"a lease elsewhere", "GET", "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/node-1", "", "", 403, ""},
		{"a token for its pod", "POST", account, "", token("here"), 201, `"token":`},
		{"a token for another node's pod", "POST", account, "", token("elsewhere"), 403, ""},
		{"a token for no pod", "POST", account, "", "{}", 403, "node requested token not bound to a pod"},
		{"a token of another account", "POST", "/api/v1/namespaces/narrow/serviceaccounts/reader/token", "", token("here"), 403, "no relationship found"},
		{"roles", "GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles", "", "", 403, ""},
		{"an approval", "PUT", "/apis/certificates.k8s.io/v1/certificatesigningrequests/x/approval", "", "{}", 403, ""},
		{"impersonating", "GET", "/api/v1/secrets", jsonBody + "\nImpersonate-User: kubernetes-admin", "", 403, "impersonate"},
	} {
		a.check(t, node)
	}
}

// decode gets a path as JSON into v.
func (a *adminClient) decode(t *testing.T, path string, v any) {
	t.Helper()
	code, text := a.do("GET", path, jsonBody+"\nAccept: application/json", "")
	if code != http.StatusOK {
		t.Fatalf("GET %s: %d %.300s", path, code, text)
	}
	if err := json.Unmarshal([]byte(text), v); err != nil {
		t.Fatalf("GET %s: %v", path, err)
	}
}
