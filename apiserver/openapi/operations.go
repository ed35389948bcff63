package openapi

import (
	"reflect"
	"slices"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api"
	"minke/apiserver/discovery"
)

// operation is one method on one path.
type operation struct {
	path, method, action, id string
	description              string
	kind                     schema.GroupVersionKind
	// parameters are those of the query and the path.
	parameters []parameter
	// body and answer are empty for none.
	body, answer model
	codes        []string
	media        media
	tag          string
}

// media tells which media types an operation takes and answers with.
type media int

const (
	objects media = iota
	// watching offers streams besides.
	watching
	// text is a pod's log, anything what is led through.
	text
	anything
	// custom objects have no Go type, and with that no strategic merge and no
	// protobuf.
	custom
	// found is discovery; the others are as they are called.
	found
	plainJSON
	answeredJSON
	keySet
	none
)

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
func (v version) operations(actions []discovery.Action, w ways) []operation {
	b := builder{v: v, ways: w}
	root := "/" + prefixOf(v.kind.GroupVersion()) + "/"
	scope := ""
	if v.Namespaced {
		scope = "namespaces/{namespace}/"
		if v.Serves("list") {
			b.list(root+v.Plural, "ForAllNamespaces")
		}
	}
	scoped := root + scope + v.Plural
	b.collection(scoped)
	b.item(scoped + "/{name}")
	if v.Serves("watch") && !v.custom {
		b.watches(root+"watch/", scope)
	}
	for name := range v.Subresources {
		b.sub(scoped+"/{name}/"+name, name, v.kind, v.object)
	}
	if v.Scale != nil {
		kind := autoscalingv1.SchemeGroupVersion.WithKind("Scale")
		if v.custom {
			kind = v.kind // as Kubernetes tells of custom kinds
		}
		b.sub(scoped+"/{name}/scale", "scale", kind, modelOf(&autoscalingv1.Scale{}))
	}
	for _, a := range actions {
		if a.Group == v.kind.Group && a.Resource == v.Plural {
			b.action(scoped+"/{name}/"+a.Subresource, a)
		}
	}
	return b.out
}

type builder struct {
	v    version
	ways ways
	out  []operation
}

// add completes an operation: what it has no say in is as for most.
func (b *builder) add(op operation, codes ...string) {
	if op.codes = codes; len(codes) == 0 {
		op.codes = []string{"200"}
	}
	if op.kind.Empty() {
		op.kind = b.v.kind
	}
	if b.v.custom {
		op.media = custom
	}
	op.tag = tagOf(b.v.kind.GroupVersion())
	op.parameters = slices.Clone(op.parameters)
	if op.action != "connect" {
		op.parameters = append(op.parameters, pretty)
	}
	for _, p := range []parameter{namespace, nameOf(op.kind.Kind), subpath} {
		if strings.Contains(op.path, "{"+p.name+"}") {
			op.parameters = append(op.parameters, p)
		}
	}
	b.out = append(b.out, op)
}

// id builds an operation's id as Kubernetes does: listCoreV1NamespacedPod.
func (b *builder) id(verb, what string, collection bool) string {
	// The method of what leads through comes after the version.
	verb, method, _ := strings.Cut(verb, " ")
	id := verb + groupID(b.v.kind.Group) + title(b.v.kind.Version) + method
	if collection {
		id += "Collection"
	}
	if b.v.Namespaced && !strings.HasSuffix(what, "ForAllNamespaces") {
		id += "Namespaced"
	}
	return id + what
}

// groupID is the name of a group in ids: Core, Apps, RbacAuthorization.
func groupID(group string) string {
	group = strings.TrimSuffix(group, ".k8s.io")
	if group == "" {
		return "Core"
	}
	id := ""
	for part := range strings.SplitSeq(group, ".") {
		id += title(part)
	}
	return id
}

// tagOf is the tag of a group version's operations: core_v1.
func tagOf(gv schema.GroupVersion) string {
	id := groupID(gv.Group)
	return strings.ToLower(id[:1]) + id[1:] + "_" + gv.Version
}

func title(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// article puts "a" or "an" before a kind, and nothing before a plural.
func article(kind string) string {
	switch {
	case strings.HasSuffix(kind, "s") && !strings.HasSuffix(kind, "ss"):
		return kind
	case strings.ContainsRune("AEIOU", rune(kind[0])):
		return "an " + kind
	}
	return "a " + kind
}

func (b *builder) list(path, suffix string) {
	kind := b.v.kind.Kind
	op := operation{
		path: path, method: "get", action: "list", id: b.id("list", kind+suffix, false),
		description: "list or watch objects of kind " + kind, parameters: b.ways.list, answer: b.v.list, media: watching,
	}
	if !b.v.Serves("watch") || b.v.custom {
		op.description = "list objects of kind " + kind
	}
	b.add(op)
}

func (b *builder) collection(path string) {
	kind := b.v.kind.Kind
	if b.v.Serves("list") {
		b.list(path, "")
	}
	if b.v.Serves("create") {
		b.add(operation{
			path: path, method: "post", action: "post", id: b.id("create", kind, false), description: "create " + article(kind),
			parameters: b.ways.create, body: b.v.object, answer: b.v.object,
		}, "200", "201", "202")
	}
	if b.v.Serves("deletecollection") {
		op := operation{
			path: path, method: "delete", action: "deletecollection", id: b.id("delete", kind, true), description: "delete collection of " + kind,
			parameters: b.ways.deleteMany, body: model{goType: deleteOptions}, answer: model{goType: status},
		}
		if b.v.custom {
			op.parameters, op.body = b.ways.list, model{}
		}
		b.add(op)
	}
}

func (b *builder) item(path string) {
	kind := b.v.kind.Kind
	if b.v.Serves("get") {
		op := operation{path: path, method: "get", action: "get", id: b.id("read", kind, false), description: "read the specified " + kind, answer: b.v.object}
		if b.v.custom {
			op.parameters = b.ways.get
		}
		b.add(op)
	}
	if b.v.Serves("update") {
		b.put(path, kind, "", b.v.kind, b.v.object)
	}
	if b.v.Serves("patch") {
		b.patch(path, kind, "", b.v.kind, b.v.object)
	}
	if b.v.Serves("delete") {
		answer := model{goType: status}
		if api.ReturnsDeleted(b.v.GroupResource().WithVersion(b.v.kind.Version)) {
			answer = b.v.object
		}
		b.add(operation{
			path: path, method: "delete", action: "delete", id: b.id("delete", kind, false), description: "delete " + article(kind),
			parameters: b.ways.delete, body: model{goType: deleteOptions}, answer: answer,
		}, "200", "202")
	}
}

// put and patch are ways to change an object, or with of ("status of ") a part
// of it. What is what the id names.
func (b *builder) put(path, what, of string, kind schema.GroupVersionKind, m model) {
	b.add(operation{
		path: path, method: "put", action: "put", id: b.id("replace", what, false), description: "replace " + of + "the specified " + b.v.kind.Kind,
		kind: kind, parameters: b.ways.update, body: m, answer: m,
	}, "200", "201")
}

func (b *builder) patch(path, what, of string, kind schema.GroupVersionKind, m model) {
	codes := []string{"200", "201"}
	if b.v.custom {
		codes = codes[:1]
	}
	b.add(operation{
		path: path, method: "patch", action: "patch", id: b.id("patch", what, false), description: "partially update " + of + "the specified " + b.v.kind.Kind,
		kind: kind, parameters: b.ways.patch, body: model{goType: patchType}, answer: m,
	}, codes...)
}

// watches are the old paths to watch at.
func (b *builder) watches(root, scope string) {
	kind := b.v.kind.Kind
	op := operation{method: "get", parameters: b.ways.list, answer: model{goType: watchEvent}, media: watching}
	op.action, op.description = "watchlist", "watch individual changes to a list of "+kind+". deprecated: use the 'watch' parameter with a list operation instead."
	if scope != "" {
		op.path, op.id = root+b.v.Plural, b.id("watch", kind+"ListForAllNamespaces", false)
		b.add(op)
	}
	op.path, op.id = root+scope+b.v.Plural, b.id("watch", kind+"List", false)
	b.add(op)
	op.action, op.description = "watch", "watch changes to an object of kind "+kind+". deprecated: use the 'watch' parameter with a list operation instead, filtered to a single item with the 'fieldSelector' parameter."
	op.path, op.id = op.path+"/{name}", b.id("watch", kind, false)
	b.add(op)
}

func (b *builder) sub(path, name string, kind schema.GroupVersionKind, m model) {
	what, of := b.v.kind.Kind+title(name), name+" of "
	if name != "finalize" {
		op := operation{
			path: path, method: "get", action: "get", id: b.id("read", what, false), description: "read " + of + "the specified " + b.v.kind.Kind,
			kind: kind, answer: m,
		}
		if b.v.custom {
			op.parameters = b.ways.get
		}
		b.add(op)
		b.patch(path, what, of, kind, m)
	}
	b.put(path, what, of, kind, m)
}

// bodies are the objects that acting subresources take.
var bodies = map[string]model{
	"Binding": modelOf(&corev1.Binding{}), "Eviction": modelOf(&policyv1.Eviction{}), "TokenRequest": modelOf(&authenticationv1.TokenRequest{}),
}

// connects are the methods of those that lead through to somewhere else. What
// takes any method takes those that have no verb too.
var connects = map[string][]string{"create": {"post"}, "get": {"get"}, "delete": {"delete"}, "patch": {"patch"}, "update": {"put", "head", "options"}}

func (b *builder) action(path string, a discovery.Action) {
	what := b.v.kind.Kind + title(a.Subresource)
	if body, ok := bodies[a.Kind.Kind]; ok {
		b.add(operation{
			path: path, method: "post", action: "post", id: b.id("create", what, false), description: "create " + a.Subresource + " of " + article(b.v.kind.Kind),
			kind: a.Kind, parameters: b.ways.create, body: body, answer: body,
		}, "200", "201", "202")
		return
	}
	op := operation{path: path, kind: a.Kind, answer: model{goType: reflect.TypeFor[string]()}}
	if a.Subresource == "log" {
		op.method, op.action, op.id, op.media, op.parameters = "get", "get", b.id("read", what, false), text, b.ways.log
		op.description = "read log of the specified " + b.v.kind.Kind
		b.add(op)
		return
	}
	op.action, op.media, op.parameters = "connect", anything, optionsOf(optionTypes[a.Kind.Kind])
	for _, verb := range a.Verbs {
		for _, method := range connects[verb] {
			op.path, op.method, op.id = path, method, b.id("connect "+title(method), what, false)
			op.description = "connect " + strings.ToUpper(method) + " requests to " + a.Subresource + " of " + b.v.kind.Kind
			b.add(op)
			if a.Subresource == "proxy" {
				op.path, op.id = path+"/{path}", op.id+"WithPath"
				b.add(op)
			}
		}
	}
}
