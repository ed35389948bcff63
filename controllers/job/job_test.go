package job_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"minke/client"
	"minke/client/fake"
	"minke/controllers/controllertest"
	"minke/controllers/job"
)

func p[V any](v V) *V { return &v }

func newJob(image string, parallelism, completions int32) *batchv1.Job {
	labels := map[string]string{"job": "work"}
	return &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "work"},
		Spec: batchv1.JobSpec{
			Parallelism: &parallelism, Completions: &completions, BackoffLimit: p(int32(6)),
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{{Name: "c", Image: image}}},
			},
		},
	}
}

func start(t *testing.T, r *rand.Rand) (context.Context, *fake.Server, func()) {
	ctx, cancel := context.WithCancel(t.Context())
	api := fake.New().Guarded(t)
	informers := client.NewInformers(api)
	c := job.New(api, informers)
	informers.Start(ctx)
	go c.Run(ctx)
	go controllertest.RunPods(ctx, api, r, time.Second)
	return ctx, api, func() {
		cancel()
		synctest.Wait()
	}
}

func get(t *testing.T, ctx context.Context, api client.Interface) *batchv1.Job {
	t.Helper()
	j, err := client.Of(api, client.Jobs).Get(ctx, "default", "work")
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func outcome(j *batchv1.Job) string {
	for _, c := range j.Status.Conditions {
		if c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed {
			return string(c.Type) + " " + c.Reason
		}
	}
	return "running"
}

func TestOutcomes(t *testing.T) {
	indexed := func(j *batchv1.Job) { j.Spec.CompletionMode = p(batchv1.IndexedCompletion) }
	for _, c := range []struct {
		name   string
		job    *batchv1.Job
		change func(*batchv1.Job)
		want   string
		done   string
	}{
		{"plain", newJob("once", 2, 5), func(*batchv1.Job) {}, "Complete CompletionsReached", ""},
		{"indexed", newJob("once", 3, 5), indexed, "Complete CompletionsReached", "0-4"},
		{"work queue", newJob("once", 2, 0), func(j *batchv1.Job) { j.Spec.Completions = nil }, "Complete CompletionsReached", ""},
		{"broken", newJob("broken", 2, 5), func(j *batchv1.Job) { j.Spec.BackoffLimit = p(int32(2)) }, "Failed BackoffLimitExceeded", ""},
		{"deadline", newJob("long", 2, 5), func(j *batchv1.Job) { j.Spec.ActiveDeadlineSeconds = p(int64(30)) }, "Failed DeadlineExceeded", ""},
		{"indexes fail", newJob("broken", 3, 3), func(j *batchv1.Job) {
			indexed(j)
			j.Spec.BackoffLimit, j.Spec.BackoffLimitPerIndex = nil, p(int32(1))
		}, "Failed FailedIndexes", ""},
		{"too many indexes fail", newJob("broken", 3, 9), func(j *batchv1.Job) {
			indexed(j)
			j.Spec.BackoffLimit, j.Spec.BackoffLimitPerIndex, j.Spec.MaxFailedIndexes = nil, p(int32(0)), p(int32(2))
		}, "Failed MaxFailedIndexesExceeded", ""},
		{"one index is enough", newJob("once", 1, 5), func(j *batchv1.Job) {
			indexed(j)
			j.Spec.SuccessPolicy = &batchv1.SuccessPolicy{Rules: []batchv1.SuccessPolicyRule{{SucceededIndexes: p("0")}}}
		}, "Complete SuccessPolicy", "0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, api, stop := start(t, nil)
				defer stop()
				j := c.job.DeepCopy()
				c.change(j)
				if _, err := client.Of(api, client.Jobs).Create(ctx, j); err != nil {
					t.Fatal(err)
				}
				time.Sleep(30 * time.Minute)
				synctest.Wait()
				j = get(t, ctx, api)
				if got := outcome(j); got != c.want || c.done != "" && j.Status.CompletedIndexes != c.done {
					t.Errorf("got %q with indexes %q, want %q with %q; status %+v", got, j.Status.CompletedIndexes, c.want, c.done, j.Status)
				}
				pods, _, _ := client.Of(api, client.Pods).List(ctx, "default", metav1.ListOptions{})
				for _, pod := range pods {
					if len(pod.Finalizers) > 0 {
						t.Errorf("pod %s still has %v", pod.Name, pod.Finalizers)
					}
				}
			})
		})
	}
}

func TestSuspend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, api, stop := start(t, nil)
		defer stop()
		j := newJob("long", 2, 2)
		j.Spec.Suspend = p(true)
		client.Of(api, client.Jobs).Create(ctx, j)
		suspend := func(on bool, active int32) {
			t.Helper()
			client.Of(api, client.Jobs).Patch(ctx, "default", "work", types.MergePatchType, fmt.Appendf(nil, `{"spec":{"suspend":%v}}`, on))
			time.Sleep(time.Minute)
			synctest.Wait()
			if s := get(t, ctx, api).Status; s.Active != active || s.Failed != 0 || (s.StartTime == nil) != on {
				t.Errorf("suspend %v: got %+v", on, s)
			}
		}
		suspend(true, 0)
		suspend(false, 2)
		suspend(true, 0)
	})
}

// Whatever fails, each success is counted once and the job completes.
func TestCountsUnderFaults(t *testing.T) {
	for range 15 {
		seed := rand.Uint64()
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := rand.New(rand.NewPCG(seed, 1))
				ctx, api, stop := start(t, rand.New(rand.NewPCG(seed, 2)))
				defer stop()
				j := newJob("once", 1+r.Int32N(5), 1+r.Int32N(20))
				if r.IntN(2) == 0 {
					j.Spec.CompletionMode = p(batchv1.IndexedCompletion)
				}
				client.Of(api, client.Jobs).Create(ctx, j)
				api.SetFaults(fake.Faults{Rand: r, Fail: 0.1, Lose: 0.1, Conflict: 0.2, EndWatch: 0.1, Delay: 100 * time.Millisecond})
				time.Sleep(2 * time.Minute)
				api.SetFaults(fake.Faults{})
				time.Sleep(time.Hour)
				synctest.Wait()
				j = get(t, ctx, api)
				pods, _, _ := client.Of(api, client.Pods).List(ctx, "default", metav1.ListOptions{})
				if got := outcome(j); got != "Complete CompletionsReached" {
					t.Errorf("got %q, status %+v", got, j.Status)
				}
				if j.Status.Succeeded > int32(len(pods)) || j.Status.Succeeded < *j.Spec.Completions {
					t.Errorf("%d of %d pods counted, want %d", j.Status.Succeeded, len(pods), *j.Spec.Completions)
				}
			})
		})
	}
}
