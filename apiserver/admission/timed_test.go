package admission

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// slow takes a while to complete, and longer to refuse.
type slow struct{ refuses bool }

func (p slow) Admit(context.Context, *Attributes) error {
	time.Sleep(20 * time.Millisecond)
	return nil
}

func (p slow) Validate(context.Context, *Attributes) error {
	time.Sleep(time.Second)
	if p.refuses {
		return errors.New("no")
	}
	return nil
}

// mutates does nothing but complete.
type mutates struct{}

func (mutates) Admit(context.Context, *Attributes) error { return nil }

func TestTimed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refusing := slow{refuses: true}
		timed := &Timed{Chain: Chain{Repeated{mutates{}}, slow{}, refusing, "another"}}
		chain := Chain{timed}
		for _, op := range []Operation{Create, Create, Delete} {
			a := &Attributes{Operation: op}
			if err := chain.Admit(t.Context(), a); err != nil {
				t.Error(err)
			}
			if err := chain.Validate(t.Context(), a); err == nil {
				t.Error("nobody has refused")
			}
		}
		want := func(name, labels string, buckets string, sum string, count string) string {
			var b strings.Builder
			for i, le := range []string{"0.005", "0.025", "0.1", "0.5", "1", "2.5", "+Inf"} {
				b.WriteString(name + "_bucket{" + labels + `,le="` + le + `"} ` + strings.Split(buckets, " ")[i] + "\n")
			}
			return b.String() + name + "_sum{" + labels + "} " + sum + "\n" + name + "_count{" + labels + "} " + count + "\n"
		}
		const step = "apiserver_admission_step_admission_duration_seconds"
		text := "# HELP " + step + " Admission sub-step latency histogram in seconds, broken out for each operation and API resource and step type (validate or admit).\n# TYPE " + step + " histogram\n" +
			want(step, `operation="CREATE",rejected="false",type="admit"`, "0 0 2 2 2 2 2", "0.08", "2") +
			want(step, `operation="CREATE",rejected="true",type="validate"`, "0 0 0 0 0 2 2", "4", "2") +
			want(step, `operation="DELETE",rejected="false",type="admit"`, "0 0 1 1 1 1 1", "0.04", "1") +
			want(step, `operation="DELETE",rejected="true",type="validate"`, "0 0 0 0 0 1 1", "2", "1")
		if err := testutil.CollectAndCompare(timed, strings.NewReader(text)); err != nil {
			t.Error(err)
		}
		if all := slices.Collect(chain.All()); !slices.Equal(all, []any{mutates{}, slow{}, refusing, "another"}) {
			t.Errorf("the plug-ins are %v", all)
		}
	})
}

// BenchmarkTimed is what it costs a write to be measured.
func BenchmarkTimed(b *testing.B) {
	plain := Chain{mutates{}}
	a := &Attributes{Operation: Create}
	for name, chain := range map[string]Chain{"off": plain, "on": {&Timed{Chain: plain}}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := chain.Admit(b.Context(), a); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
