//go:build conformance

package conformance

import (
	"fmt"
	"strings"
)

const tokenDir = "/var/run/secrets/kubernetes.io/serviceaccount"

func init() {
	add(map[string]func(*T){
		"AUT002": func(t *T) {
			t.create(pod("main", "sleep 600", "", "serviceAccountName: default"))
			t.ready("main")
			get := "wget -T 5 -q -O - --no-check-certificate --header=\"Authorization: Bearer $(cat " + tokenDir + "/token)\" https://kubernetes.default"
			doc := t.must("main", get+"/.well-known/openid-configuration")
			t.contains("the configuration", doc, `"issuer"`, `"jwks_uri"`, "/openid/v1/jwks")
			t.contains("the keys", t.must("main", get+"/openid/v1/jwks"), `"keys"`, `"kid"`)
			issuer := parse(doc).str("issuer")
			claims := decodeClaims(t, strings.TrimSpace(t.must("main", "cat "+tokenDir+"/token")))
			t.equal("issuer", claims.str("iss"), issuer)
			t.equal("subject", claims.str("sub"), "system:serviceaccount:"+t.ns+":default")
			t.guest("verifier", "verify-token", "restartPolicy: Never")
			t.finished("verifier")
			t.equal("what the pod verified", t.logs("verifier", ""), "verified system:serviceaccount:"+t.ns+":default\n")
		},
		"AUT003": automount,
		"AUT004": func(t *T) {
			uid := t.create(`{apiVersion: v1, kind: ServiceAccount, metadata: {name: main}}`).str("metadata.uid")
			token := t.post("serviceaccounts/main/token", `{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{}}`, 201).str("status.token")
			got := t.post("/apis/authentication.k8s.io/v1/tokenreviews", fmt.Sprintf(`{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{"token":%q}}`, token), 201)
			t.equal("authenticated", got.str("status.authenticated"), "true")
			t.equal("user", got.str("status.user.username"), "system:serviceaccount:"+t.ns+":main")
			t.equal("uid", got.str("status.user.uid"), uid)
			t.contains("groups", got.str("status.user.groups"), "system:serviceaccounts", "system:serviceaccounts:"+t.ns, "system:authenticated")
		},
		"AUT005": func(t *T) {
			const path = "configmaps/kube-root-ca.crt"
			o := t.wait(path, "the certificates", func(object) error { return nil })
			data := o.at("data").(map[string]any)["ca.crt"].(string)
			t.contains("it", data, "BEGIN CERTIFICATE")
			t.remove(path)
			t.wait(path, "it is back", func(n object) error {
				if n.str("metadata.uid") == o.str("metadata.uid") {
					return fmt.Errorf("still the old one")
				}
				return nil
			})
			t.patch(path, `{"data":{"ca.crt":""}}`)
			t.wait(path, "it is as it was", func(o object) error {
				return want("data", o.at("data").(map[string]any)["ca.crt"], any(data))
			})
		},
		"AUT006": func(t *T) {
			container := func(name, file string) string {
				return fmt.Sprintf("{name: %s, image: %s, command: [cat, %s/%s]}", name, image, tokenDir, file)
			}
			t.create(`{apiVersion: v1, kind: Pod, metadata: {name: main}, spec: {restartPolicy: Never, containers: [` + container("token", "token") + ", " + container("ca", "ca.crt") + ", " + container("ns", "namespace") + `]}}`)
			t.finished("main")
			t.equal("namespace", t.logs("main", "container=ns"), t.ns)
			ca := t.get("configmaps/kube-root-ca.crt").at("data").(map[string]any)["ca.crt"]
			t.equal("ca.crt", t.logs("main", "container=ca"), ca)
			token := t.logs("main", "container=token")
			got := t.post("/apis/authentication.k8s.io/v1/tokenreviews", fmt.Sprintf(`{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{"token":%q}}`, token), 201)
			t.contains("review", got.str("status.user.username")+got.str("status.error"), "system:serviceaccount:"+t.ns+":default")
		},
		"AUT007": func(t *T) {
			got := t.once("main", "cat /v/token", "volumeMounts: [{name: v, mountPath: /v}]", "automountServiceAccountToken: false, volumes: [{name: v, projected: {sources: [{serviceAccountToken: {path: token, expirationSeconds: 3600, audience: someone}}]}}]")
			claims := decodeClaims(t, got)
			t.equal("audience", claims.str("aud"), "[someone]") // a list, as Kubernetes writes it
			t.equal("lifetime", claims.num("exp")-claims.num("iat"), 3600)
		},
		"AUT010": func(t *T) {
			t.create(`{apiVersion: v1, kind: ServiceAccount, metadata: {name: main}}`)
			t.create(`{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: main}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}, subjects: [{kind: ServiceAccount, name: main, namespace: ` + t.ns + `}]}`)
			user := "system:serviceaccount:" + t.ns + ":main"
			for _, c := range []struct {
				verb, method string
				allowed      bool
				code         int
			}{{"list", "GET", true, 200}, {"create", "POST", false, 403}} {
				spec := fmt.Sprintf(`{"user":%q,"resourceAttributes":{"verb":%q,"resource":"configmaps","namespace":%q}}`, user, c.verb, t.ns)
				for path, kind := range map[string]string{
					"/apis/authorization.k8s.io/v1/subjectaccessreviews":                              "SubjectAccessReview",
					"/apis/authorization.k8s.io/v1/namespaces/" + t.ns + "/localsubjectaccessreviews": "LocalSubjectAccessReview",
				} {
					t.until(kind+" "+c.verb, func() error {
						got := t.post(path, fmt.Sprintf(`{"apiVersion":"authorization.k8s.io/v1","kind":%q,"metadata":{"namespace":%q},"spec":%s}`, kind, map[bool]string{true: t.ns}[kind[0] == 'L'], spec), 201)
						return want("allowed", got.str("status.allowed") == "true", c.allowed)
					})
				}
				a := t.do(request{Method: c.method, Path: t.path("configmaps"), Body: `{"metadata":{"name":"a"}}`, Header: map[string]string{"Impersonate-User": user}})
				t.equal(c.verb+" as it", a.Code, c.code)
			}
		},
		"AUT008": func(t *T) {
			w := t.watch("serviceaccounts", "&labelSelector=static%3Dyes")
			t.create(`{apiVersion: v1, kind: ServiceAccount, metadata: {name: main, labels: {static: "yes"}}}`)
			w.until("ADDED", func(o object) bool { return o.name() == "main" })
			o := t.patch("serviceaccounts/main", `{"automountServiceAccountToken":false}`)
			t.equal("patched", o.str("automountServiceAccountToken"), "false")
			list := t.items("/api/v1/serviceaccounts?labelSelector=static%3Dyes")
			t.equal("listed", len(list), 1)
			t.equal("listed", list[0].str("automountServiceAccountToken"), "false")
			t.call(request{Method: "DELETE", Path: "serviceaccounts?labelSelector=static%3Dyes"})
			w.until("DELETED", func(o object) bool { return o.name() == "main" })
		},
	})
}

// automount tries pod and service account in all their combinations.
func automount(t *T) {
	for _, sa := range []string{"", "true", "false"} {
		text := `{apiVersion: v1, kind: ServiceAccount, metadata: {name: sa` + sa + `}}`
		if sa != "" {
			text = strings.TrimSuffix(text, "}") + ", automountServiceAccountToken: " + sa + "}"
		}
		t.create(text)
		for _, p := range []string{"", "true", "false"} {
			spec := "serviceAccountName: sa" + sa
			if p != "" {
				spec = join(spec, "automountServiceAccountToken: "+p)
			}
			o := t.create(pod("p"+p+"-sa"+sa, "true", "", spec))
			wanted := p == "true" || p == "" && sa != "false"
			t.equal(o.name()+" mounts the token", strings.Contains(o.str("spec.containers.0.volumeMounts"), tokenDir), wanted)
		}
	}
}
