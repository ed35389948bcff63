// Package image brings container images to the node by each container's pull
// policy, with the pod's credentials, a bound on pulls at once, and back-off.
package image

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/distribution/reference"
	corev1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"minke/kubelet/cri"
)

// Recorder takes the events of a pod's container.
type Recorder func(kind, reason, message string)

// The reasons of Error, as users see them in the container's waiting state.
const (
	ErrImagePull      = "ErrImagePull"
	ImagePullBackOff  = "ImagePullBackOff"
	ErrImageNeverPull = "ErrImageNeverPull"
	InvalidImageName  = "InvalidImageName"
	ImageInspectError = "ImageInspectError"
)

// Error says why an image is not there. After is how long to wait before the
// next attempt.
type Error struct {
	Reason string
	Err    error
	After  time.Duration
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// says makes an error in Kubernetes' own words, which begin with a capital.
func says(format string, args ...any) error { return fmt.Errorf(format, args...) }

// Puller ensures images.
type Puller struct {
	Images cri.Images
	// Parallel bounds the pulls at one time.
	Parallel int

	backoff Backoff
	once    sync.Once
	slots   chan struct{}
	mu      sync.Mutex // guards failed
	failed  map[string]failure
}

type failure struct {
	at  time.Time
	err error
}

func (p *Puller) init() {
	p.once.Do(func() {
		p.slots = make(chan struct{}, max(p.Parallel, 1))
		p.failed = map[string]failure{}
		p.backoff = Backoff{First: 10 * time.Second, Max: 300 * time.Second}
	})
}

// Want is what a container asks for.
type Want struct {
	Pod    *corev1.Pod
	Image  string
	Policy corev1.PullPolicy
	// Secrets are the pod's pull secrets.
	Secrets []*corev1.Secret
	// Sandbox is the configuration of the pod's sandbox.
	Sandbox *runtimeapi.PodSandboxConfig
	Record  Recorder
}

// Ensure returns the image, pulled if the policy says so. The error is an *Error.
func (p *Puller) Ensure(ctx context.Context, w Want) (*runtimeapi.Image, error) {
	p.init()
	name, err := withTag(w.Image)
	if err != nil {
		err = says("Failed to apply default image tag %q: %w", w.Image, err)
		w.Record(corev1.EventTypeWarning, "InspectFailed", err.Error())
		return nil, &Error{Reason: InvalidImageName, Err: err}
	}
	image, err := p.present(ctx, name)
	if err != nil {
		w.Record(corev1.EventTypeWarning, "InspectFailed", fmt.Sprintf("Failed to inspect image %q: %v", name, err))
		return nil, &Error{Reason: ImageInspectError, Err: says("Failed to inspect image %q: %w", name, err)}
	}
	// A pinned image came with the node: no registry has another.
	if image != nil && (image.Pinned || !mustPull(w.Policy, w.Image)) {
		w.Record(corev1.EventTypeNormal, "Pulled", fmt.Sprintf("Container image %q already present on machine", w.Image))
		return image, nil
	}
	if w.Policy == corev1.PullNever {
		err := says("Container image %q is not present with pull policy of Never", w.Image)
		w.Record(corev1.EventTypeWarning, ErrImageNeverPull, err.Error())
		return nil, &Error{Reason: ErrImageNeverPull, Err: err}
	}
	return p.pull(ctx, name, w)
}

func mustPull(policy corev1.PullPolicy, image string) bool {
	if policy == "" {
		return !strings.Contains(image, "@") && (strings.HasSuffix(image, ":latest") || !strings.Contains(image[strings.LastIndex(image, "/")+1:], ":"))
	}
	return policy == corev1.PullAlways
}

func withTag(image string) (string, error) {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return "", fmt.Errorf("couldn't parse image name %q: %w", image, err)
	}
	if reference.IsNameOnly(named) {
		return image + ":latest", nil
	}
	return image, nil
}

func (p *Puller) present(ctx context.Context, name string) (*runtimeapi.Image, error) {
	answer, err := p.Images.ImageStatus(ctx, &runtimeapi.ImageStatusRequest{Image: &runtimeapi.ImageSpec{Image: name}})
	if err != nil && !cri.IsNotFound(err) {
		return nil, err
	}
	return answer.GetImage(), nil
}

func (p *Puller) pull(ctx context.Context, name string, w Want) (*runtimeapi.Image, error) {
	key := string(w.Pod.UID) + "/" + name
	p.mu.Lock()
	last, failed := p.failed[key]
	p.mu.Unlock()
	if failed {
		if wait := p.backoff.Wait(key, last.at); wait > 0 {
			w.Record(corev1.EventTypeNormal, "BackOff", fmt.Sprintf("Back-off pulling image %q", w.Image))
			return nil, &Error{Reason: ImagePullBackOff, After: wait,
				Err: says("Back-off pulling image %q: ErrImagePull: %w", w.Image, last.err)}
		}
	}
	asked := time.Now()
	release, err := p.slot(ctx, name)
	if err != nil {
		return nil, &Error{Reason: ErrImagePull, Err: err}
	}
	defer release()
	w.Record(corev1.EventTypeNormal, "Pulling", fmt.Sprintf("Pulling image %q", w.Image))
	began := time.Now()
	image, err := p.fetch(ctx, name, w)
	if err != nil {
		return nil, p.fail(ctx, key, w, err)
	}
	p.mu.Lock()
	delete(p.failed, key)
	p.mu.Unlock()
	now := time.Now()
	w.Record(corev1.EventTypeNormal, "Pulled", fmt.Sprintf("Successfully pulled image %q in %v (%v including waiting). Image size: %d bytes.",
		w.Image, now.Sub(began).Truncate(time.Millisecond), now.Sub(asked).Truncate(time.Millisecond), image.Size))
	return image, nil
}

func (p *Puller) fail(ctx context.Context, key string, w Want, err error) error {
	if ctx.Err() != nil {
		return &Error{Reason: ErrImagePull, Err: ctx.Err()}
	}
	w.Record(corev1.EventTypeWarning, "Failed", fmt.Sprintf("Failed to pull image %q: %v", w.Image, err))
	now := time.Now()
	p.backoff.Next(key, now)
	p.mu.Lock()
	p.failed[key] = failure{now, err}
	p.mu.Unlock()
	return &Error{Reason: ErrImagePull, Err: err, After: p.backoff.Delay(key)}
}

// slot waits for a free pull slot.
func (p *Puller) slot(ctx context.Context, name string) (release func(), err error) {
	select {
	case p.slots <- struct{}{}:
		return func() { <-p.slots }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("pull image %s: %w", name, ctx.Err())
	}
}

func (p *Puller) fetch(ctx context.Context, name string, w Want) (*runtimeapi.Image, error) {
	auths := credentials(name, w.Secrets)
	if len(auths) == 0 {
		auths = []*runtimeapi.AuthConfig{nil}
	}
	var errs []error
	for _, auth := range auths {
		answer, err := p.Images.PullImage(ctx, &runtimeapi.PullImageRequest{Image: &runtimeapi.ImageSpec{Image: name}, Auth: auth, SandboxConfig: w.Sandbox})
		if err != nil {
			errs = append(errs, err)
			continue
		}
		image, err := p.present(ctx, name)
		if err == nil && image == nil {
			image, err = p.present(ctx, answer.ImageRef)
		}
		if err != nil {
			return nil, err
		}
		if image == nil {
			return nil, fmt.Errorf("image %s is not present after its pull", name)
		}
		return image, nil
	}
	return nil, errors.Join(errs...)
}

// Forget drops what is remembered of the pod's failures.
func (p *Puller) Forget(uid string) {
	p.init()
	of := func(key string) bool { return strings.HasPrefix(key, uid+"/") }
	p.backoff.Forget(of)
	p.mu.Lock()
	defer p.mu.Unlock()
	for key := range p.failed {
		if of(key) {
			delete(p.failed, key)
		}
	}
}
