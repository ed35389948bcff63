package openapi

import (
	"reflect"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api"
	"minke/apiserver/discovery"
)

// operation is one method on one path.
type operation struct {
	path, method, action, id string
	kind                     schema.GroupVersionKind
	query                    []parameter
	// body and answer are nil for none; patch bodies are any object.
	body, answer model
	codes        []string
	// custom tells that the kind has no Go type, which strategic merge needs.
	custom bool
}

// model is what a schema is made of: a Go type, or a custom kind without one.
type model struct {
	goType reflect.Type
	custom schema.GroupVersionKind
	plural string // of the custom kind
	list   bool
}

func (m model) none() bool { return m.goType == nil && m.custom.Empty() }

func modelOf(v any) model { return model{goType: reflect.TypeOf(v).Elem()} }

// version is a resource as served in one version.
type version struct {
	*api.Resource
	kind         schema.GroupVersionKind
	object, list model
	custom       bool
}

// versionsOf returns the resources of a group version.
func versionsOf(gv schema.GroupVersion, resources []*api.Resource) []version {
	var out []version
	for _, r := range resources {
		if r.Kind.GroupVersion() == gv && !r.Unserved {
			out = append(out, newVersion(r, r.Kind, r.New(), r.NewList))
		}
		for _, v := range r.Also {
			if v.Kind.GroupVersion() == gv && v.New != nil {
				out = append(out, newVersion(r, v.Kind, v.New(), v.NewList))
			}
		}
	}
	return out
}

func newVersion(r *api.Resource, kind schema.GroupVersionKind, obj runtime.Object, list func() runtime.Object) version {
	v := version{Resource: r, kind: kind, object: modelOf(obj)}
	if _, v.custom = obj.(runtime.Unstructured); v.custom {
		v.object, v.list = model{custom: kind, plural: r.Plural}, model{custom: kind, plural: r.Plural, list: true}
	} else if list != nil && r.Serves("list") {
		v.list = modelOf(list())
	}
	return v
}

// operations lists all that can be done with a resource.
func (v version) operations(actions []discovery.Action) []operation {
	b := builder{v: v}
	collection := "/" + prefixOf(v.kind.GroupVersion()) + "/" + v.Plural
	scoped := collection
	if v.Namespaced {
		scoped = "/" + prefixOf(v.kind.GroupVersion()) + "/namespaces/{namespace}/" + v.Plural
		if v.Serves("list") {
			b.add(collection, "get", "list", b.id("list", v.kind.Kind+"ForAllNamespaces", false), listing, model{}, v.list)
		}
	}
	b.collection(scoped)
	b.item(scoped + "/{name}")
	for name := range v.Subresources {
		b.sub(scoped+"/{name}/"+name, name, v.kind, v.object)
	}
	if v.Scale != nil {
		b.sub(scoped+"/{name}/scale", "scale", autoscalingv1.SchemeGroupVersion.WithKind("Scale"), modelOf(&autoscalingv1.Scale{}))
	}
	for _, a := range actions {
		if a.Group == v.kind.Group && a.Resource == v.Plural {
			b.action(scoped+"/{name}/"+a.Subresource, a)
		}
	}
	return b.out
}

type builder struct {
	v   version
	out []operation
}

func (b *builder) add(path, method, action, id string, query []parameter, body, answer model, codes ...string) {
	if len(codes) == 0 {
		codes = []string{"200"}
	}
	b.out = append(b.out, operation{path: path, method: method, action: action, id: id, kind: b.v.kind, query: query, body: body, answer: answer, codes: codes, custom: b.v.custom})
}

// id builds an operation's id as Kubernetes does: listCoreV1NamespacedPod.
func (b *builder) id(verb, what string, collection bool) string {
	group := "Core"
	if g := strings.TrimSuffix(b.v.kind.Group, ".k8s.io"); g != "" {
		group = ""
		for _, part := range strings.Split(g, ".") {
			group += title(part)
		}
	}
	// The method of what leads through comes after the version.
	verb, method, _ := strings.Cut(verb, " ")
	id := verb + group + title(b.v.kind.Version) + method
	if collection {
		id += "Collection"
	}
	if b.v.Namespaced && !strings.HasSuffix(what, "ForAllNamespaces") {
		id += "Namespaced"
	}
	return id + what
}

func title(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func (b *builder) collection(path string) {
	kind := b.v.kind.Kind
	if b.v.Serves("list") {
		b.add(path, "get", "list", b.id("list", kind, false), listing, model{}, b.v.list)
	}
	if b.v.Serves("create") {
		b.add(path, "post", "post", b.id("create", kind, false), writing, b.v.object, b.v.object, "200", "201", "202")
	}
	if b.v.Serves("deletecollection") {
		b.add(path, "delete", "deletecollection", b.id("delete", kind, true), append(listing[:len(listing):len(listing)], deleting...), modelOf(&metav1.DeleteOptions{}), modelOf(&metav1.Status{}))
	}
}

func (b *builder) item(path string) {
	kind := b.v.kind.Kind
	if b.v.Serves("get") {
		b.add(path, "get", "get", b.id("read", kind, false), nil, model{}, b.v.object)
	}
	if b.v.Serves("update") {
		b.add(path, "put", "put", b.id("replace", kind, false), writing, b.v.object, b.v.object, "200", "201")
	}
	if b.v.Serves("patch") {
		b.add(path, "patch", "patch", b.id("patch", kind, false), patching, modelOf(&metav1.Patch{}), b.v.object, "200", "201")
	}
	if b.v.Serves("delete") {
		b.add(path, "delete", "delete", b.id("delete", kind, false), deleting, modelOf(&metav1.DeleteOptions{}), modelOf(&metav1.Status{}), "200", "202")
	}
}

func (b *builder) sub(path, name string, kind schema.GroupVersionKind, m model) {
	what := b.v.kind.Kind + title(name)
	from := len(b.out)
	if name != "finalize" {
		b.add(path, "get", "get", b.id("read", what, false), nil, model{}, m)
		b.add(path, "patch", "patch", b.id("patch", what, false), patching, modelOf(&metav1.Patch{}), m, "200", "201")
	}
	b.add(path, "put", "put", b.id("replace", what, false), writing, m, m, "200", "201")
	for i := from; i < len(b.out); i++ {
		b.out[i].kind = kind
	}
}

// bodies are the objects that acting subresources take.
var bodies = map[string]model{
	"Binding": modelOf(&corev1.Binding{}), "Eviction": modelOf(&policyv1.Eviction{}), "TokenRequest": modelOf(&authenticationv1.TokenRequest{}),
}

// connects are the methods of those that lead through to somewhere else.
var connects = map[string]string{"create": "post", "get": "get", "delete": "delete", "patch": "patch", "update": "put"}

func (b *builder) action(path string, a discovery.Action) {
	from := len(b.out)
	what := b.v.kind.Kind + title(a.Subresource)
	if body, ok := bodies[a.Kind.Kind]; ok {
		b.add(path, "post", "post", b.id("create", what, false), writing, body, body, "200", "201", "202")
	} else {
		text := model{goType: reflect.TypeFor[string]()}
		for _, verb := range a.Verbs {
			method, action, id := connects[verb], "connect", "connect "+title(connects[verb])
			if a.Subresource == "log" {
				action, id = "get", "read"
			}
			b.add(path, method, action, b.id(id, what, false), nil, model{}, text)
			if a.Subresource == "proxy" {
				b.add(path+"/{path}", method, action, b.id(id, what+"WithPath", false), nil, model{}, text)
			}
		}
	}
	for i := from; i < len(b.out); i++ {
		b.out[i].kind = a.Kind
	}
}
