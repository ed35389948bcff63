package flowcontrol

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"

	"minke/api"
)

func TestKeep(t *testing.T) {
	level := func(name string, generation int64, note string, shares int32) *flowcontrolv1.PriorityLevelConfiguration {
		o := limited(name, shares, 0, nil)
		o.Generation, o.Annotations = generation, nil
		if note != "" {
			o.Annotations = map[string]string{flowcontrolv1.AutoUpdateAnnotationKey: note}
		}
		return o
	}
	wanted := []*flowcontrolv1.PriorityLevelConfiguration{limited("catch-all", 5, 0, nil), limited("system", 30, 0, nil)}
	wanted = append(wanted, mandatoryLevel("exempt"))
	exempt := func(note string, lends int32) *flowcontrolv1.PriorityLevelConfiguration {
		o := mandatoryLevel("exempt")
		o.Spec.Exempt.LendablePercent, o.Annotations[flowcontrolv1.AutoUpdateAnnotationKey] = &lends, note
		return o
	}
	for _, c := range []struct {
		name   string
		stored []*flowcontrolv1.PriorityLevelConfiguration
		want   []string
	}{
		{"nothing stored", nil, []string{"create catch-all", "create system", "create exempt"}},
		{"all as wanted", []*flowcontrolv1.PriorityLevelConfiguration{level("catch-all", 1, "true", 5), level("system", 1, "true", 30), exempt("true", 0)}, nil},
		{"changed", []*flowcontrolv1.PriorityLevelConfiguration{level("catch-all", 2, "true", 6), level("system", 2, "true", 31), exempt("true", 0)}, []string{"update catch-all", "update system"}},
		{"hands off", []*flowcontrolv1.PriorityLevelConfiguration{level("catch-all", 2, "false", 6), level("system", 2, "false", 31), exempt("true", 0)}, []string{"update catch-all"}},
		{"not annotated, new", []*flowcontrolv1.PriorityLevelConfiguration{level("catch-all", 1, "", 5), level("system", 1, "", 31), exempt("true", 0)}, []string{"update catch-all", "update system"}},
		{"not annotated, changed", []*flowcontrolv1.PriorityLevelConfiguration{level("catch-all", 1, "true", 5), level("system", 2, "", 31), exempt("true", 0)}, nil},
		{"of old", []*flowcontrolv1.PriorityLevelConfiguration{level("catch-all", 1, "true", 5), level("system", 1, "true", 30), level("old", 1, "true", 1), level("own", 1, "", 1), exempt("true", 0)}, []string{"delete old"}},
		{"exempt lends", []*flowcontrolv1.PriorityLevelConfiguration{level("catch-all", 1, "true", 5), level("system", 1, "true", 30), exempt("true", 50)}, nil},
		{"exempt lends by hand", []*flowcontrolv1.PriorityLevelConfiguration{level("catch-all", 1, "true", 5), level("system", 1, "true", 30), exempt("false", 50)}, []string{"update exempt"}},
	} {
		var got []string
		for _, s := range keep(c.stored, wanted) {
			got = append(got, s.verb+" "+s.obj.GetName())
			if o := s.obj.(*flowcontrolv1.PriorityLevelConfiguration); s.verb == "update" && o.Name == "exempt" && *o.Spec.Exempt.LendablePercent != 50 {
				t.Errorf("%s: exempt lends %d", c.name, *o.Spec.Exempt.LendablePercent)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// stored is a store whose watches tell that something changed.
type stored struct {
	mu      sync.Mutex // guards what follows
	objs    map[string]api.Object
	watches []*watch.FakeWatcher
}

func (s *stored) Snapshot(r schema.GroupVersionResource, _ string) (iter.Seq[runtime.Object], string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []runtime.Object
	for _, o := range s.objs {
		if resourceOf(o) == r {
			all = append(all, o)
		}
	}
	return slices.Values(all), "1", nil
}

func (s *stored) WatchShared(ctx context.Context, _ schema.GroupVersionResource, _, _ string) (watch.Interface, error) {
	w := watch.NewFakeWithChanSize(100, false)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watches = append(s.watches, w)
	context.AfterFunc(ctx, w.Stop)
	return w, nil
}

func (s *stored) Update(_ context.Context, r schema.GroupVersionResource, _, name string, alter func(api.Object) error) (api.Object, error) {
	o := s.get(r.Resource + name).DeepCopyObject().(api.Object)
	if err := alter(o); err != nil {
		return nil, err
	}
	s.set(o)
	return o, nil
}

func (s *stored) get(key string) api.Object {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.objs[key]
}

func (s *stored) set(o api.Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objs[resourceOf(o).Resource+o.GetName()] = o
	for _, w := range s.watches {
		w.Modify(o)
	}
}

func (s *stored) write(_ context.Context, verb string, r schema.GroupVersionResource, o api.Object) error {
	if verb == "delete" {
		return errors.New("nothing is to be deleted here")
	}
	o.SetGeneration(1)
	s.set(o)
	return nil
}

func TestKeeper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := &stored{objs: map[string]api.Object{}}
		c := New(Config{})
		done := make(chan error)
		go func() { done <- (&Keeper{Controller: c, Objects: s, Write: s.write, Log: slog.Default()}).Run(ctx) }()
		synctest.Wait()
		s.mu.Lock()
		if len(s.objs) != len(BootstrapLevels())+len(BootstrapSchemas()) {
			t.Errorf("%d objects were made", len(s.objs))
		}
		s.mu.Unlock()
		own := flowSchema("own", "mine", 50, "", everything(users("jane")))
		own.ObjectMeta = metav1.ObjectMeta{Name: "own", UID: "u-1"}
		s.set(own)
		synctest.Wait()
		dangling := func() string {
			return string(s.get("flowschemasown").(*flowcontrolv1.FlowSchema).Status.Conditions[0].Status)
		}
		if got := c.Classify(client("jane"), pods).schema.name; got != "global-default" || dangling() != "True" {
			t.Errorf("a dangling schema: requests go to %s, Dangling is %s", got, dangling())
		}
		mine := limited("mine", 10, 0, nil)
		mine.Annotations = nil
		s.set(mine)
		synctest.Wait()
		if got := c.Classify(client("jane"), pods).schema.name; got != "own" || dangling() != "False" {
			t.Errorf("with its level: requests go to %s, Dangling is %s", got, dangling())
		}
		cancel()
		<-done
	})
}
