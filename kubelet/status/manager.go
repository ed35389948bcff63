package status

import (
	"context"
	"log/slog"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"minke/client"
	"minke/kubelet/keyed"
)

// Manager writes statuses to the API: at once, only what changed, the newest
// only when several came, and again after a failure until it is there.
type Manager struct {
	api  client.Resource[*corev1.Pod]
	runs *keyed.Runner[types.UID]
	log  *slog.Logger

	mu   sync.Mutex // guards pods
	pods map[types.UID]*entry
}

type entry struct {
	pod    *corev1.Pod // newest known object
	status corev1.PodStatus
	// known tells that status was set.
	known, dirty bool
	// finish asks to delete the object once the status is written.
	finish  bool
	retries int
}

// NewManager returns a manager; it sends from Start on.
func NewManager(api client.Interface) *Manager {
	m := &Manager{api: client.Of(api, client.Pods), pods: map[types.UID]*entry{}, log: slog.Default().With("part", "kubelet", "of", "status")}
	m.runs = keyed.New(m.send)
	return m
}

// Start sends until ctx ends.
func (m *Manager) Start(ctx context.Context) { m.runs.Start(ctx) }

// Stop waits for what is being sent.
func (m *Manager) Stop() { m.runs.Stop() }

// Pod returns the object with the newest status set, so that what is computed
// from it does not lag behind what is still on its way to the API.
func (m *Manager) Pod(pod *corev1.Pod) *corev1.Pod {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.pods[pod.UID]
	if e == nil || !e.known {
		return pod
	}
	merged := *pod
	merged.Status = mergeForeign(e.status, pod)
	return &merged
}

// mergeForeign takes from the API the conditions that others own, and an end
// that others declared.
func mergeForeign(own corev1.PodStatus, api *corev1.Pod) corev1.PodStatus {
	own = judged(own, api)
	own.NominatedNodeName, own.ResourceClaimStatuses = api.Status.NominatedNodeName, api.Status.ResourceClaimStatuses
	var list []corev1.PodCondition
	for _, c := range own.Conditions {
		if owned(c.Type) {
			list = append(list, c)
		}
	}
	for _, c := range api.Status.Conditions {
		if !owned(c.Type) {
			list = append(list, c)
		}
	}
	own.Conditions = list
	return own
}

// judged is own, or with the API's phase when that is terminal already: a pod
// that somebody else declared Failed does not come to life again.
func judged(own corev1.PodStatus, api *corev1.Pod) corev1.PodStatus {
	if Terminal(api.Status.Phase) && !Terminal(own.Phase) {
		own.Phase, own.Reason, own.Message = api.Status.Phase, api.Status.Reason, api.Status.Message
	}
	return own
}

// Foreign returns the conditions of the pod that others write.
func Foreign(pod *corev1.Pod) []corev1.PodCondition {
	var list []corev1.PodCondition
	for _, c := range pod.Status.Conditions {
		if !owned(c.Type) {
			list = append(list, c)
		}
	}
	return list
}

func owned(t corev1.PodConditionType) bool {
	switch t {
	case corev1.PodScheduled, corev1.PodReadyToStartContainers, corev1.PodInitialized, corev1.ContainersReady, corev1.PodReady,
		corev1.PodResizePending, corev1.PodResizeInProgress, corev1.AllContainersRestarting:
		return true
	}
	return false
}

// Set makes status the pod's; pod is the object as the API has it, never one
// with a status of our own set. Set returns at once.
func (m *Manager) Set(pod *corev1.Pod, status corev1.PodStatus) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.entry(pod)
	if e.known && equality.Semantic.DeepEqual(e.status, status) {
		return
	}
	e.status, e.known = status, true
	e.dirty = true
	m.runs.Kick(pod.UID)
}

func (m *Manager) entry(pod *corev1.Pod) *entry {
	e := m.pods[pod.UID]
	if e == nil {
		e = &entry{}
		m.pods[pod.UID] = e
	}
	if e.pod == nil || newer(pod, e.pod) {
		e.pod = pod
	}
	return e
}

// newer compares resource versions, which are numbers since Kubernetes 1.35.
func newer(a, b *corev1.Pod) bool {
	x, errX := strconv.ParseUint(a.ResourceVersion, 10, 64)
	y, errY := strconv.ParseUint(b.ResourceVersion, 10, 64)
	return errX != nil || errY != nil || x > y
}

// Finish deletes the pod from the API when its last status is there: nothing
// of it is left on the node.
func (m *Manager) Finish(pod *corev1.Pod) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.entry(pod)
	if !e.finish {
		e.finish = true
		m.runs.Kick(pod.UID)
	}
}

// Forget drops a pod that is gone.
func (m *Manager) Forget(uid types.UID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.pods, uid)
}

func (m *Manager) send(ctx context.Context, uid types.UID) time.Duration {
	m.mu.Lock()
	e := m.pods[uid]
	if e == nil {
		m.mu.Unlock()
		return 0
	}
	pod, status, dirty, finish := e.pod, e.status, e.dirty, e.finish
	e.dirty = false
	m.mu.Unlock()
	var err error
	if dirty {
		err = m.write(ctx, e, pod, status)
	}
	if err == nil && finish {
		err = m.delete(ctx, pod)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err == nil || apierrors.IsNotFound(err) {
		e.retries = 0
		return 0
	}
	e.dirty = e.dirty || dirty
	e.retries++
	if !apierrors.IsConflict(err) {
		m.log.Warn("write status", "pod", client.KeyOf(pod).String(), "err", err)
	}
	return min(20*time.Millisecond<<min(e.retries, 10), 10*time.Second)
}

func (m *Manager) write(ctx context.Context, e *entry, pod *corev1.Pod, status corev1.PodStatus) error {
	for range 5 {
		if pod.UID != "" && equality.Semantic.DeepEqual(pod.Status, mergeAll(status, pod)) {
			return nil
		}
		update := pod.DeepCopy()
		update.Status = *mergeAllPtr(status, pod)
		answer, err := m.api.UpdateStatus(ctx, update)
		if err == nil {
			m.mu.Lock()
			if newer(answer, e.pod) {
				e.pod = answer
			}
			m.mu.Unlock()
			return nil
		}
		if !apierrors.IsConflict(err) {
			return err
		}
		uid := pod.UID
		if pod, err = m.api.Get(ctx, pod.Namespace, pod.Name); err != nil {
			return err
		}
		if pod.UID != uid {
			return apierrors.NewNotFound(client.Pods.Resource.GroupResource(), pod.Name)
		}
	}
	return apierrors.NewConflict(client.Pods.Resource.GroupResource(), pod.Name, nil)
}

// mergeAll is status with the conditions of others as the API has them, except
// DisruptionTarget, which the kubelet may add.
func mergeAll(status corev1.PodStatus, api *corev1.Pod) corev1.PodStatus {
	out := judged(status, api)
	have := map[corev1.PodConditionType]bool{}
	out.Conditions = nil
	for _, c := range api.Status.Conditions {
		have[c.Type] = true
		if !owned(c.Type) {
			out.Conditions = append(out.Conditions, c)
			continue
		}
		for _, mine := range status.Conditions {
			if mine.Type == c.Type {
				out.Conditions = append(out.Conditions, mine)
			}
		}
	}
	for _, mine := range status.Conditions {
		if !have[mine.Type] && (owned(mine.Type) || mine.Type == corev1.DisruptionTarget) {
			out.Conditions = append(out.Conditions, mine)
		}
	}
	out.NominatedNodeName, out.ResourceClaimStatuses = api.Status.NominatedNodeName, api.Status.ResourceClaimStatuses
	return out
}

func mergeAllPtr(status corev1.PodStatus, api *corev1.Pod) *corev1.PodStatus {
	out := mergeAll(status, api)
	return out.DeepCopy()
}

func (m *Manager) delete(ctx context.Context, pod *corev1.Pod) error {
	zero := int64(0)
	uid := pod.UID
	err := m.api.Delete(ctx, pod.Namespace, pod.Name, metav1.DeleteOptions{GracePeriodSeconds: &zero, Preconditions: &metav1.Preconditions{UID: &uid}})
	// A conflict means another pod has the name by now.
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	return err
}
