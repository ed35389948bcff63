package cronjob

import (
	"testing"
	"testing/synctest"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/client"
	"minke/client/fake"
)

func TestNext(t *testing.T) {
	for _, c := range []struct{ schedule, from, want string }{
		{"*/15 * * * *", "2026-01-01T10:07:30Z", "2026-01-01T10:15:00Z"},
		{"0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"},
		{"30 4 1,15 * 5", "2026-01-02T04:30:00Z", "2026-01-09T04:30:00Z"},
		{"0 22 * * mon-fri", "2026-01-02T22:00:00Z", "2026-01-05T22:00:00Z"},
		{"5 4 * * 7", "2026-01-01T00:00:00Z", "2026-01-04T04:05:00Z"},
		{"@hourly", "2026-12-31T23:10:00Z", "2027-01-01T00:00:00Z"},
		{"0 0 30 2 *", "2026-01-01T00:00:00Z", "0001-01-01T00:00:00Z"},
	} {
		s, err := parseSchedule(c.schedule)
		if err != nil {
			t.Error(err)
			continue
		}
		from, _ := time.Parse(time.RFC3339, c.from)
		if got := s.next(from).Format(time.RFC3339); got != c.want {
			t.Errorf("%s after %s: got %s, want %s", c.schedule, c.from, got, c.want)
		}
	}
	for _, bad := range []string{"", "* * * *", "60 * * * *", "*/0 * * * *", "5-1 * * * *", "a * * * *", "@every x"} {
		if _, err := parseSchedule(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestPolicies(t *testing.T) {
	for _, c := range []struct {
		policy batchv1.ConcurrencyPolicy
		want   int
	}{{batchv1.AllowConcurrent, 5}, {batchv1.ForbidConcurrent, 1}, {batchv1.ReplaceConcurrent, 1}} {
		t.Run(string(c.policy), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api := fake.New().Guarded(t)
				informers := client.NewInformers(api)
				controller := New(api, informers)
				informers.Start(t.Context())
				go controller.Run(t.Context())
				limit := int32(1)
				client.Of(api, client.CronJobs).Create(t.Context(), &batchv1.CronJob{
					ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "tick"},
					Spec:       batchv1.CronJobSpec{Schedule: "* * * * *", ConcurrencyPolicy: c.policy, SuccessfulJobsHistoryLimit: &limit},
				})
				time.Sleep(5*time.Minute + time.Second)
				synctest.Wait()
				jobs := client.Of(api, client.Jobs)
				all, _, _ := jobs.List(t.Context(), "default", metav1.ListOptions{})
				cron, _ := client.Of(api, client.CronJobs).Get(t.Context(), "default", "tick")
				if len(all) != c.want || len(cron.Status.Active) != c.want {
					t.Errorf("got %d jobs, %d active, want %d", len(all), len(cron.Status.Active), c.want)
				}
				for _, job := range all {
					job = job.DeepCopy()
					job.Status.Conditions = []batchv1.JobCondition{{Type: batchv1.JobComplete, Status: corev1.ConditionTrue}}
					jobs.UpdateStatus(t.Context(), job)
				}
				time.Sleep(time.Second)
				synctest.Wait()
				all, _, _ = jobs.List(t.Context(), "default", metav1.ListOptions{})
				cron, _ = client.Of(api, client.CronJobs).Get(t.Context(), "default", "tick")
				if len(cron.Status.Active) > 1 || len(all)-len(cron.Status.Active) != 1 {
					t.Errorf("after they ended: got %d jobs, %d active, want 1 kept", len(all), len(cron.Status.Active))
				}
			})
		})
	}
}
