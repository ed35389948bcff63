package cel_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"

	celgo "github.com/google/cel-go/cel"
	apiservercel "k8s.io/apiserver/pkg/cel"

	"minke/api/cel"
)

// values are variables that are known already.
type values map[string]any

func (v values) Value(name string) (any, bool) {
	value, ok := v[name]
	return value, ok
}

// claims is an environment such as a token authenticator's.
var claims = cel.NewEnvironment(cel.Variable{Name: "claims", Type: celgo.MapType(celgo.StringType, celgo.DynType)})

func TestRun(t *testing.T) {
	v := values{"claims": map[string]any{"sub": "jane", "groups": []string{"a", "b"}, "big": strings.Repeat("a", 1<<20)}}
	for text, want := range map[string]any{
		`claims.sub`:                                  "jane",
		`claims.groups.map(g, "x:" + g)[1]`:           "x:b",
		`has(claims.nothing) ? "y" : "n"`:             "n",
		`claims.?nothing.orValue("z")`:                "z",
		`quantity("1Ki").asInteger() == 1024`:         true,
		`ip("10.0.0.1").family() == 4`:                true,
		`claims.big.matches("b") || true`:             true,
		`"a,b".split(",").size() == 2`:                true,
		`url("https://a.example").getHost()`:          "a.example",
		`sets.contains([1, 2], [2])`:                  true,
		`semver("1.2.3").isLessThan(semver("2.0.0"))`: true,
	} {
		p, err := claims.Compile(text, celgo.AnyType)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got, err := p.Run(t.Context(), v, cel.NewBudget(10_000_000))
		if err != nil || got.Value() != want {
			t.Errorf("%s is %v, error %v", text, got, err)
		}
	}
}

func TestCompileKeeps(t *testing.T) {
	first, _ := claims.Compile(`claims.sub == "x"`, celgo.BoolType)
	if again, _ := claims.Compile(`claims.sub == "x"`, celgo.BoolType); again != first {
		t.Error("the program was compiled twice")
	}
	if _, err := claims.Compile(`claims.sub == "x"`, celgo.StringType); err == nil || err.Detail != "must evaluate to string but got bool" {
		t.Errorf("as a string: %v", err)
	}
}

// A run stops at the limit of one call, and at what the budget has left; a
// variable costs once, however often it is named.
func TestBudget(t *testing.T) {
	list := values{"claims": map[string]any{"n": make([]int64, 300)}}
	loop := `claims.n.all(a, claims.n.all(b, a == b))` // some 450,000
	run := func(text string, b *cel.Budget) *cel.Error {
		p, err := claims.Compile(text, celgo.BoolType)
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.Run(t.Context(), list, b)
		return err
	}
	b := cel.NewBudget(1_000_000)
	if err := run(loop, b); err != nil {
		t.Fatal(err)
	}
	if err := run(loop+" && "+loop+" && "+loop, cel.NewBudget(10_000_000)); err == nil || !strings.Contains(err.Detail, "actual cost limit exceeded") {
		t.Errorf("beyond the limit of a call: %v", err)
	}
	for range 2 {
		if err := run(loop, b); err != nil {
			if !errors.Is(err, apiservercel.ErrOutOfBudget) {
				t.Errorf("beyond the budget: %v", err)
			}
			return
		}
	}
	t.Error("the budget was never exhausted")
}

func TestVariables(t *testing.T) {
	asking := cel.Admission{Authorizer: true}
	c := cel.NewComposed()
	count := &counted{}
	if _, err := c.Declare("once", `object.n`, asking, false); err != nil {
		t.Fatal(err)
	}
	p, err := c.Compile(`variables.once + variables.once == 2`, asking, false, celgo.BoolType)
	if err != nil {
		t.Fatal(err)
	}
	budget := cel.NewBudget(1000)
	if got, err := p.Run(t.Context(), c.Bind(t.Context(), count, budget), budget); err != nil || got.Value() != true {
		t.Errorf("got %v, error %v", got, err)
	}
	if count.n != 1 {
		t.Errorf("the variable was evaluated %d times", count.n)
	}
}

type counted struct{ n int }

func (c *counted) Value(name string) (any, bool) {
	c.n++
	return map[string]any{"n": int64(1)}, name == cel.Object
}

// A bomb: each optMap doubles what is before it.
func TestMacroBomb(t *testing.T) {
	chain := func(n int) string { return "optional.of(1)" + strings.Repeat(".optMap(x, x)", n) }
	for text, fine := range map[string]bool{
		chain(4): true, chain(12): false, chain(500): false,
		"[" + chain(3) + ", " + chain(20) + "]":                                    false,
		"claims.all(c, {'a': " + chain(20) + "}.size() > 0)":                       false,
		strings.Repeat("optional.of(1).optMap(x, x).hasValue() && ", 100) + "true": true,
	} {
		_, err := claims.Check(text, true, celgo.AnyType)
		if (err == nil) != fine {
			t.Errorf("%.60s: %v", text, err)
		}
	}
}

// FuzzCompile compiles and runs arbitrary expressions, which must neither crash
// nor cost more than their limits.
func FuzzCompile(f *testing.F) {
	for _, seed := range []string{
		"", "object.", "true", `object.metadata.name == "x"`, "object.spec.containers.all(c, c.image.matches('^a+$'))",
		"[1,2,3].map(x, [x,x,x].map(y, [y,y]))", `variables.a`, "Object{spec: Object.spec{a: 1}}", "'\\x00'", "((((((((1))))))))",
		`"a".format([1])`, "oldObject.?a.?b.orValue(c)", "object.?a.optMap(x, x).optMap(y, y).optFlatMap(z, z)", `[JSONPatch{op: "add", path: "/a", value: [1]}]`, "9223372036854775807 + 1",
		`"%s%s%s".format(["a","b","c"])`, `"abc".replace("", "` + strings.Repeat("x", 100) + `")`, "dyn({'a': dyn([1])}).a[0]",
	} {
		f.Add(seed)
	}
	environment := cel.Admission{Params: true, Authorizer: true, Patch: true}.Environment()
	object := map[string]any{"metadata": map[string]any{"name": "x"}, "spec": map[string]any{"containers": []any{map[string]any{"image": "a"}}}}
	v := values{cel.Object: object, cel.OldObject: object, cel.Params: object, cel.NamespaceObject: nil, cel.Request: map[string]any{}}
	f.Fuzz(func(t *testing.T, text string) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		p, err := environment.Check(text, true, celgo.AnyType)
		if err == nil {
			_, _ = p.Run(context.Background(), v, cel.NewBudget(10_000_000))
		}
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 512<<20 {
			t.Errorf("%d bytes of expression allocated %d MiB", len(text), used>>20)
		}
	})
}
