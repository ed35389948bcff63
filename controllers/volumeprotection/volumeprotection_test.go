package volumeprotection_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/client"
	"minke/client/fake"
	"minke/controllers/volumeprotection"
)

const classFinalizer = "kubernetes.io/vac-protection"

// world is a fake API with the controllers of this package.
type world struct {
	*testing.T
	ctx     context.Context
	api     *fake.Server
	classes client.Resource[*storagev1.VolumeAttributesClass]
	claims  client.Resource[*corev1.PersistentVolumeClaim]
	volumes client.Resource[*corev1.PersistentVolume]
}

func start(t *testing.T, objs ...client.Object) *world {
	ctx, cancel := context.WithCancel(t.Context())
	api := fake.New(objs...).Guarded(t)
	informers := client.NewInformers(api)
	of, ofClasses := volumeprotection.New(api, api, informers), volumeprotection.NewClass(api, informers)
	informers.Start(ctx)
	go of.Run(ctx)
	go ofClasses.Run(ctx)
	t.Cleanup(func() {
		cancel()
		time.Sleep(time.Second) // longer than any request is delayed
		synctest.Wait()
	})
	return &world{t, ctx, api, client.Of(api, client.VolumeAttributesClasses), client.Of(api, client.PersistentVolumeClaims), client.Of(api, client.PersistentVolumes)}
}

func class(name string, finalizers ...string) *storagev1.VolumeAttributesClass {
	return &storagev1.VolumeAttributesClass{ObjectMeta: metav1.ObjectMeta{Name: name, Finalizers: finalizers}, DriverName: "d"}
}

func claim(name string, change func(*corev1.PersistentVolumeClaim)) *corev1.PersistentVolumeClaim {
	c := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}}
	change(c)
	return c
}

func volume(name, class string) *corev1.PersistentVolume {
	return &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.PersistentVolumeSpec{VolumeAttributesClassName: &class}}
}

// What admission has not seen gets its protection, beside what else holds it, and
// what is being deleted does not.
func TestProtectionIsAdded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		going := class("going", "other")
		now := metav1.Now()
		going.DeletionTimestamp = &now
		w := start(t, class("old", "other"), class("new", classFinalizer), going, volume("v", "old"), claim("c", func(*corev1.PersistentVolumeClaim) {}))
		time.Sleep(time.Minute)
		synctest.Wait()
		for name, want := range map[string]string{"old": "other " + classFinalizer, "new": classFinalizer, "going": "other"} {
			if c, err := w.classes.Get(w.ctx, "", name); err != nil || strings.Join(c.Finalizers, " ") != want {
				t.Errorf("class %s: got %v, %v, want %s", name, c, err, want)
			}
		}
		if v, err := w.volumes.Get(w.ctx, "", "v"); err != nil || !slices.Equal(v.Finalizers, []string{"kubernetes.io/pv-protection"}) {
			t.Errorf("volume: got %v, %v", v, err)
		}
		if c, err := w.claims.Get(w.ctx, "shop", "c"); err != nil || !slices.Equal(c.Finalizers, []string{"kubernetes.io/pvc-protection"}) {
			t.Errorf("claim: got %v, %v", c, err)
		}
	})
}

// A deleted class stays as long as one object names it, wherever it does.
func TestClassInUse(t *testing.T) {
	name := "gold"
	other := "silver"
	for _, c := range []struct {
		where string
		user  client.Object
		// leave makes user name the class no more; nil deletes it.
		leave func(*world) error
	}{
		{"the claim's spec", claim("c", func(c *corev1.PersistentVolumeClaim) { c.Spec.VolumeAttributesClassName = &name }), nil},
		{"the claim's current class", claim("c", func(c *corev1.PersistentVolumeClaim) {
			c.Spec.VolumeAttributesClassName, c.Status.CurrentVolumeAttributesClassName = &other, &name
		}), func(w *world) error {
			return w.status(func(s *corev1.PersistentVolumeClaimStatus) { s.CurrentVolumeAttributesClassName = &other })
		}},
		{"the claim's class to be", claim("c", func(c *corev1.PersistentVolumeClaim) {
			c.Spec.VolumeAttributesClassName = &other
			c.Status.ModifyVolumeStatus = &corev1.ModifyVolumeStatus{TargetVolumeAttributesClassName: name, Status: corev1.PersistentVolumeClaimModifyVolumeInfeasible}
		}), func(w *world) error {
			return w.status(func(s *corev1.PersistentVolumeClaimStatus) { s.ModifyVolumeStatus = nil })
		}},
		{"the volume's spec", volume("v", name), func(w *world) error {
			v, err := w.volumes.Get(w.ctx, "", "v")
			if err == nil {
				v = v.DeepCopy()
				v.Spec.VolumeAttributesClassName = &other
				_, err = w.volumes.Update(w.ctx, v)
			}
			return err
		}},
		{"the volume, which goes", volume("v", name), func(w *world) error { return w.volumes.Delete(w.ctx, "", "v", metav1.DeleteOptions{}) }},
	} {
		t.Run(c.where, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := start(t, class(name, "other", classFinalizer), class(other, classFinalizer), c.user)
				if c.leave == nil {
					c.leave = func(w *world) error { return w.claims.Delete(w.ctx, "shop", "c", metav1.DeleteOptions{}) }
				}
				if err := w.classes.Delete(w.ctx, "", name, metav1.DeleteOptions{}); err != nil {
					t.Fatal(err)
				}
				w.finalizers(name, "other "+classFinalizer)
				if err := c.leave(w); err != nil {
					t.Fatal(err)
				}
				w.finalizers(name, "other")
				w.finalizers(other, classFinalizer)
			})
		})
	}
}

func (w *world) status(change func(*corev1.PersistentVolumeClaimStatus)) error {
	c, err := w.claims.Get(w.ctx, "shop", "c")
	if err != nil {
		return err
	}
	c = c.DeepCopy()
	change(&c.Status)
	_, err = w.claims.UpdateStatus(w.ctx, c)
	return err
}

// finalizers waits until all is at rest and looks at the class.
func (w *world) finalizers(class, want string) {
	w.Helper()
	time.Sleep(5 * time.Minute)
	synctest.Wait()
	if c, err := w.classes.Get(w.ctx, "", class); err != nil || strings.Join(c.Finalizers, " ") != want {
		w.Errorf("class %s: got %v, %v, want %s", class, c, err, want)
	}
}

// Whatever fails, no class goes while something names it, and in the end those
// are there that are wanted or named, held, and no others.
func TestClassesUnderFaults(t *testing.T) {
	for range 20 {
		seed := rand.Uint64()
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { classesUnderFaults(t, rand.New(rand.NewPCG(seed, 1))) })
		})
	}
}

// book is what the test has done: the classes that there are, true if deleted, and
// by object the one that it names.
type book struct {
	deleted map[string]bool
	named   map[string]string
}

func classesUnderFaults(t *testing.T, r *rand.Rand) {
	w := start(t)
	b := book{map[string]bool{}, map[string]string{}}
	made := 0
	w.api.SetFaults(fake.Faults{Rand: r, Fail: 0.1, Lose: 0.1, Conflict: 0.2, EndWatch: 0.1, Expire: 0.02, Delay: 200 * time.Millisecond})
	for range 300 {
		var whole []string
		for name, deleted := range b.deleted {
			if !deleted {
				whole = append(whole, name)
			}
		}
		slices.Sort(whole)
		switch user := fmt.Sprint([]string{"claim", "volume"}[r.IntN(2)], r.IntN(6)); {
		case len(whole) < 3:
			made++
			name := fmt.Sprint("class-", made)
			if r.IntN(2) == 0 {
				w.api.Put(class(name, classFinalizer))
			} else {
				// Until it is held it may go at once, which is not what is tested.
				w.api.Put(class(name))
				time.Sleep(10 * time.Minute)
			}
			b.deleted[name] = false
		case r.IntN(3) == 0:
			name := whole[r.IntN(len(whole))]
			w.surely(func() error { return w.classes.Delete(w.ctx, "", name, metav1.DeleteOptions{}) })
			b.deleted[name] = true
		case r.IntN(2) == 0 && b.named[user] != "":
			w.leave(user)
			delete(b.named, user)
		default:
			name := whole[r.IntN(len(whole))]
			w.name(user, name)
			b.named[user] = name
		}
		time.Sleep(time.Duration(r.Int64N(int64(500 * time.Millisecond))))
		b.check(w, false)
	}
	w.api.SetFaults(fake.Faults{})
	time.Sleep(10 * time.Minute)
	synctest.Wait()
	b.check(w, true)
}

// isClaim tells that the user is a claim; the others are volumes.
func isClaim(user string) bool { return strings.HasPrefix(user, "claim") }

// leave deletes the user.
func (w *world) leave(user string) {
	if isClaim(user) {
		w.surely(func() error { return w.claims.Delete(w.ctx, "shop", user, metav1.DeleteOptions{}) })
		return
	}
	w.surely(func() error { return w.volumes.Delete(w.ctx, "", user, metav1.DeleteOptions{}) })
}

// name makes the user name the class.
func (w *world) name(user, class string) {
	if isClaim(user) {
		w.api.Put(claim(user, func(c *corev1.PersistentVolumeClaim) {
			c.Finalizers = []string{"kubernetes.io/pvc-protection"}
			c.Spec.VolumeAttributesClassName = &class
		}))
		return
	}
	v := volume(user, class)
	v.Finalizers = []string{"kubernetes.io/pv-protection"}
	w.api.Put(v)
}

// surely repeats what a fault has kept from being done.
func (w *world) surely(do func() error) {
	w.Helper()
	var err error
	for range 200 {
		if err = do(); err == nil || apierrors.IsNotFound(err) {
			return
		}
		time.Sleep(time.Second)
	}
	w.Fatal(err)
}

// check compares what is there with what must be.
func (b *book) check(w *world, settled bool) {
	w.Helper()
	there := map[string]*storagev1.VolumeAttributesClass{}
	w.surely(func() error {
		all, _, err := w.classes.List(w.ctx, "", metav1.ListOptions{})
		for _, c := range all {
			there[c.Name] = c
		}
		return err
	})
	named := map[string]bool{}
	for _, name := range b.named {
		named[name] = true
	}
	for name, deleted := range b.deleted {
		c := there[name]
		switch {
		case c == nil && (named[name] || !deleted):
			w.Fatalf("class %s is gone (deleted %v, named %v)", name, deleted, named[name])
		case c != nil && settled && deleted && !named[name]:
			w.Errorf("class %s is deleted and not named, but there: %v", name, c.Finalizers)
		case c != nil && settled && !slices.Equal(c.Finalizers, []string{classFinalizer}):
			w.Errorf("class %s has %v", name, c.Finalizers)
		}
	}
}
