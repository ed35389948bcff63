//go:build conformance

package conformance

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
)

// schemaOf replaces the schema of a version.
func (o object) schemaOf(version int, schema string) object {
	o.list("spec.versions")[version]["schema"] = map[string]any{"openAPIV3Schema": map[string]any(parse(schema))}
	return o
}

const (
	bars  = `{type: object, description: Foo CRD for Testing, properties: {spec: {type: object, description: Specification of Foo, properties: {bars: {description: List of Bars and their specs., type: array, items: {type: object, required: [name], properties: {name: {description: Name of Bar., type: string}, age: {description: Age of Bar., type: string}, bazs: {description: List of Bazs., type: array, items: {type: string}}}}}}}}}`
	loose = `{type: object, x-kubernetes-preserve-unknown-fields: true}`
)

// manifestOf is a Thing for kubectl.
func (t *T) manifestOf(name, spec string) string {
	return fmt.Sprintf("apiVersion: %s.example.com/v1\nkind: Thing\nmetadata: {name: %s}\nspec: %s\n", t.ns, name, spec)
}

// fits creates and applies a Thing with kubectl.
func (t *T) fits(spec string) {
	t.Helper()
	file := t.file(t.manifestOf("main", spec))
	t.kubectl("create", "-f", file)
	t.kubectl("delete", "-f", file)
	t.kubectl("apply", "-f", file)
	t.kubectl("delete", "-f", file)
}

// misfits wants kubectl neither to create nor to apply a Thing.
func (t *T) misfits(spec string, parts ...string) {
	t.Helper()
	for _, verb := range []string{"create", "apply"} {
		out, err := t.tryKubectl("", verb, "-f", t.file(t.manifestOf("main", spec)))
		if err == nil {
			t.Fatalf("kubectl %s accepts %s", verb, spec)
		}
		t.contains(verb, out, parts...)
	}
}

// plural is the row's resource with its group.
func (t *T) plural() string { return "things." + t.ns + ".example.com" }

// explains wants kubectl explain to say something about a path.
func (t *T) explains(path string, parts ...string) {
	t.Helper()
	t.until("explain "+path, func() error {
		out, err := t.tryKubectl("", "explain", path, "--api-version="+t.ns+".example.com/v1")
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		for _, part := range parts {
			if !strings.Contains(out, part) {
				return fmt.Errorf("it lacks %q: %s", part, out)
			}
		}
		return nil
	})
}

// published tells whether OpenAPI v2 and v3 have a definition.
func (t *T) published(group, version, kind string, there bool) {
	t.Helper()
	parts := strings.Split(group, ".")
	for i, j := 0, len(parts)-1; i < j; i, j = i+1, j-1 {
		parts[i], parts[j] = parts[j], parts[i]
	}
	name := strings.Join(append(parts, version, kind), ".")
	t.until(name, func() error {
		_, found := t.get("/openapi/v2").at("definitions").(map[string]any)[name]
		if err := want(name+" in v2", found, there); err != nil {
			return err
		}
		a := t.do(request{Method: "GET", Path: "/openapi/v3/apis/" + group + "/" + version})
		schemas, _ := a.Body.at("components.schemas").(map[string]any)
		_, found = schemas[name]
		return want(name+" in v3", found, there)
	})
}

// more is a further definition of the row: other names, other group.
func (t *T) more(plural, group string, versions ...string) {
	t.Helper()
	o := custom(t.ns, versions...).set("metadata.name", plural+"."+group).set("spec.group", group)
	o.set("spec.names", map[string]any{"plural": plural, "kind": strings.ToUpper(plural[:1]) + strings.TrimSuffix(plural[1:], "s")})
	t.define(o)
}

// strict posts a body of a Thing and wants it to be refused for its fields.
func (t *T) strict(path, body string, parts ...string) {
	t.Helper()
	a := t.do(request{Method: "POST", Path: path + "?fieldValidation=Strict", Body: body})
	t.equal("code", a.Code, 400)
	t.contains("the refusal", a.text(), parts...)
}

// apply sends a Thing by server-side apply, with strict validation.
func (t *T) apply(path, name, spec string, codes ...int) {
	t.Helper()
	t.call(request{Method: "PATCH", Path: path + "/" + name + "?fieldManager=me&fieldValidation=Strict", Type: "application/apply-patch+yaml", Body: t.manifestOf(name, spec)}, codes...)
}

func init() {
	group := func(t *T) string { return t.ns + ".example.com" }
	add(map[string]func(*T){
		"API036": func(t *T) {
			const schema = `{type: object, properties: {a: {type: string%s}, b: {type: string%s}}}`
			with := func(a, b string) {
				crd := t.get("customresourcedefinitions/" + t.plural())
				t.put("customresourcedefinitions/"+t.plural(), crd.schemaOf(0, fmt.Sprintf(schema, a, b)))
			}
			path := in("v1", t.define(custom(t.ns, "v1").schemaOf(0, fmt.Sprintf(schema, "", ""))))
			t.post(path, t.thing("one", "v1", ""), 201)
			with(", default: A", "")
			t.waitField(path+"/one", "a", "A")
			t.until("the second is defaulted", func() error {
				a := t.do(request{Method: "POST", Path: path, Body: t.thing("two", "v1", "")})
				return want("a", a.Body.str("a"), "A")
			})
			with("", ", default: B")
			o := t.waitField(path+"/one", "b", "B")
			t.equal("a of the first, which was never stored", o.str("a"), "")
			o = t.waitField(path+"/two", "b", "B")
			t.equal("a of the second", o.str("a"), "A")
		},
		"API038": func(t *T) {
			crd := custom(t.ns, "v1", "v2")
			for i, field := range []string{"color", "size"} {
				crd.schemaOf(i, `{type: object, properties: {color: {type: string}, size: {type: integer}}}`)
				crd.list("spec.versions")[i]["selectableFields"] = []any{map[string]any{"jsonPath": "." + field}}
			}
			path := t.define(crd)
			v1, v2 := t.watch(in("v1", path), "&fieldSelector=color%3Dblue"), t.watch(in("v2", path), "&fieldSelector=size%3D2")
			for i, color := range []string{"blue", "red", "blue"} {
				t.post(in("v1", path), t.thing(fmt.Sprintf("t%d", i+1), "v1", fmt.Sprintf(", color: %s, size: %d", color, i+1)), 201)
			}
			t.equal("blue ones", names(t.items(in("v1", path)+"?fieldSelector=color%3Dblue")), []string{"t1", "t3"})
			t.equal("others", names(t.items(in("v1", path)+"?fieldSelector=color%21%3Dblue")), []string{"t2"})
			t.equal("of size 2", names(t.items(in("v2", path)+"?fieldSelector=size%3D2")), []string{"t2"})
			for _, bad := range []string{in("v1", path) + "?fieldSelector=size%3D2", in("v2", path) + "?fieldSelector=color%3Dred"} {
				t.equal("code of what is not selectable", t.do(request{Method: "GET", Path: bad}).Code, 400)
			}
			t.patch(in("v2", path)+"/t3", `{"color":"red"}`)
			for _, wanted := range []string{"ADDED t1", "ADDED t3", "DELETED t3"} {
				k, o := v1.next()
				t.equal("event", k+" "+o.name(), wanted)
			}
			k, o := v2.next()
			t.equal("event", k+" "+o.name(), "ADDED t2")
		},
		"API039": func(t *T) {
			t.define(custom(t.ns, "v1", "v2"))
			t.published(group(t), "v1", "Thing", true)
			t.published(group(t), "v2", "Thing", true)
			t.update("customresourcedefinitions/"+t.plural(), func(o object) { o.list("spec.versions")[1]["served"] = false })
			t.published(group(t), "v2", "Thing", false)
			t.published(group(t), "v1", "Thing", true)
		},
		"API040": func(t *T) {
			t.define(custom(t.ns, "v1", "v2"))
			t.published(group(t), "v2", "Thing", true)
			t.call(request{Method: "PATCH", Path: "customresourcedefinitions/" + t.plural(), Type: jsonPatch, Body: `[{"op":"replace","path":"/spec/versions/1/name","value":"v3"}]`})
			t.published(group(t), "v3", "Thing", true)
			t.published(group(t), "v2", "Thing", false)
			t.published(group(t), "v1", "Thing", true)
		},
		"API041": func(t *T) {
			t.define(custom(t.ns, "v1").schemaOf(0, `{type: object, x-kubernetes-preserve-unknown-fields: true, description: preserve-unknown-properties at root for Testing, properties: {spec: {type: object, x-kubernetes-preserve-unknown-fields: true}}}`))
			t.explains("things", "KIND:", "Thing", "preserve-unknown-properties at root for Testing")
			t.fits(`{a: [b], unknown: {c: 1}}`)
		},
		"API042": func(t *T) {
			t.define(custom(t.ns, "v1").schemaOf(0, `{type: object, description: preserve-unknown-properties in nested field for Testing, properties: {spec: {type: object, x-kubernetes-preserve-unknown-fields: true, description: Specification of Waldo, properties: {dummy: {type: string, description: Dummy property.}}}}}`))
			t.explains("things", "preserve-unknown-properties in nested field for Testing")
			t.explains("things.spec", "Specification of Waldo", "dummy")
			t.fits(`{a: [b], unknown: {c: 1}}`)
		},
		"API043": func(t *T) {
			t.define(custom(t.ns, "v1").schemaOf(0, bars))
			t.explains("things", "Foo CRD for Testing", "spec")
			t.explains("things.spec", "Specification of Foo", "bars")
			t.explains("things.spec.bars", "List of Bars and their specs.", "bazs", "-required-")
			t.explains("things.spec.bars.name", "Name of Bar.")
			t.fits(`{bars: [{name: a, age: '10', bazs: [x]}]}`)
			t.misfits(`{bars: [{name: a, nonsense: 1}]}`, `unknown field "spec.bars[0].nonsense"`)
			t.misfits(`{bars: [{age: '10'}]}`, "spec.bars[0].name: Required value")
			if out, err := t.tryKubectl("", "explain", "things.spec.nothing", "--api-version="+group(t)+"/v1"); err == nil {
				t.Fatalf("explain knows a field that is not there: %s", out)
			}
		},
		"API044": func(t *T) {
			t.define(custom(t.ns, "v1"))
			t.explains("things", "DESCRIPTION:", "<empty>")
			t.fits(`{a: [b], unknown: {c: 1}}`)
		},
		"API045": func(t *T) {
			t.define(custom(t.ns, "v1"))
			t.more("others", "other."+group(t), "v2")
			t.published(group(t), "v1", "Thing", true)
			t.published("other."+group(t), "v2", "Other", true)
		},
		"API046": func(t *T) {
			t.define(custom(t.ns, "v1"))
			t.more("others", group(t), "v1")
			t.published(group(t), "v1", "Thing", true)
			t.published(group(t), "v1", "Other", true)
		},
		"API047": func(t *T) {
			t.define(custom(t.ns, "v2", "v3"))
			t.more("others", group(t), "v4")
			t.published(group(t), "v2", "Thing", true)
			t.published(group(t), "v3", "Thing", true)
			t.published(group(t), "v4", "Other", true)
		},
		"API050": func(t *T) {
			path := in("v1", t.define(custom(t.ns, "v1").schemaOf(0, loose)))
			t.apply(path, "applied", `{unknown: {a: [1, b]}}`)
			t.fits(`{unknown: {a: [1, b]}}`)
		},
		"API051": func(t *T) {
			path := in("v1", t.define(custom(t.ns, "v1").schemaOf(0, bars)))
			t.apply(path, "applied", `{bars: [{name: a}]}`)
			t.fits(`{bars: [{name: a, age: '10'}]}`)
		},
		"API052": func(t *T) {
			path := in("v1", t.define(custom(t.ns, "v1").schemaOf(0, bars)))
			t.misfits(`{bars: [{name: a}], extra: 1}`, `unknown field "spec.extra"`)
			a := t.do(request{Method: "PATCH", Path: path + "/main?fieldManager=me&fieldValidation=Strict", Type: "application/apply-patch+yaml", Body: t.manifestOf("main", `{extra: 1}`)})
			t.equal("an apply is refused", a.Code >= 400, true)
			t.contains("the refusal", a.text(), "spec.extra", "field not declared in schema")
		},
		"API053": func(t *T) {
			path := in("v1", t.define(custom(t.ns, "v1").schemaOf(0, loose)))
			t.strict(path, `{"apiVersion":"`+group(t)+`/v1","kind":"Thing","metadata":{"name":"main"},"spec":{"a":1,"a":2},"b":3,"b":4}`, `strict decoding error: duplicate field "spec.a", duplicate field "b"`)
		},
		"API055": func(t *T) {
			path := in("v1", t.define(custom(t.ns, "v1").schemaOf(0, `{type: object, properties: {spec: {type: object, properties: {template: {type: object, x-kubernetes-embedded-resource: true, properties: {spec: {type: object}}}}}}}`)))
			t.strict(path, `{"apiVersion":"`+group(t)+`/v1","kind":"Thing","metadata":{"name":"main","unknownMeta":"x"},"spec":{"template":{"apiVersion":"v1","kind":"X","metadata":{"name":"y","unknownSub":"z"}}}}`,
				`unknown field "metadata.unknownMeta"`, `unknown field "spec.template.metadata.unknownSub"`)
		},
		"API026": discoversCustom, "API028": discoveredCustom,
		"API088": func(t *T) {
			const limit = 7
			for n := range 20 {
				t.create(fmt.Sprintf(`{apiVersion: v1, kind: PodTemplate, metadata: {name: t%03d}, template: {spec: {containers: [{name: a, image: a}]}}}`, n))
			}
			list := func(token string) answer {
				return t.do(request{Method: "GET", Path: t.path("podtemplates") + fmt.Sprintf("?limit=%d&continue=%s", limit, url.QueryEscape(token))})
			}
			first := list("")
			t.equal("first", len(first.Body.list("items")), limit)
			t.equal("remaining", first.Body.num("metadata.remainingItemCount"), 13)
			expired := list(aged(t, first.Body.str("metadata.continue")))
			t.equal("code of the expired token", expired.Code, 410)
			t.equal("reason", expired.Body.str("reason"), "Expired")
			second := list(expired.Body.str("metadata.continue"))
			t.equal("names of the second page", names(second.Body.list("items"))[0], "t007")
			t.equal("it is of a later revision", second.Body.num("metadata.resourceVersion") >= first.Body.num("metadata.resourceVersion"), true)
			third := list(second.Body.str("metadata.continue"))
			t.equal("revision", third.Body.str("metadata.resourceVersion"), second.Body.str("metadata.resourceVersion"))
			t.equal("last", names(third.Body.list("items"))[5], "t019")
			t.equal("continue", third.Body.str("metadata.continue"), "")
		},
	})
}

// aged makes a token one of long ago, whose revision is compacted.
func aged(t *T, token string) string {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(raw, &fields); err != nil {
		t.Fatal(err)
	}
	fields["t"] = 1
	if raw, err = json.Marshal(fields); err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

// discoveredCustom wants a definition's resource in the aggregated discovery.
func discoveredCustom(t *T) {
	t.define(custom(t.ns, "v1"))
	const accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
	t.until("the resource is discovered", func() error {
		a := t.do(request{Method: "GET", Path: "/apis", Header: map[string]string{"Accept": accept}})
		for _, g := range a.Body.list("items") {
			if g.name() != t.ns+".example.com" {
				continue
			}
			r := g.list("versions")[0].list("resources")[0]
			return want("resource", r.str("resource")+" "+r.str("responseKind.kind")+" "+r.str("scope"), "things Thing Namespaced")
		}
		return fmt.Errorf("the group is not there")
	})
}
