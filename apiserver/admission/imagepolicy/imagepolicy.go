// Package imagepolicy asks a webhook whether the images of a pod may run
// (ImagePolicyWebhook, with ImageReview of imagepolicy.k8s.io/v1alpha1). Answers
// are remembered for a while; it is off unless it is asked for.
package imagepolicy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	imagepolicyv1alpha1 "k8s.io/api/imagepolicy/v1alpha1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/lru"

	"minke/apiserver/admission"
	"minke/apiserver/webhook"
)

const (
	// tries is how often the webhook is asked before that counts as a failure;
	// the pause between them grows by half each time.
	tries = 5
	// callTimeout bounds one try.
	callTimeout = 10 * time.Second
	// kept bounds the answers that are remembered.
	kept = 1024

	// failedOpen marks a pod that was let through unasked.
	failedOpen  = "alpha.image-policy.k8s.io/failed-open"
	auditPrefix = "imagepolicywebhook.image-policy.k8s.io/"
)

// shown is part of the names of those annotations of a pod that the webhook sees.
const shown = ".image-policy.k8s.io/"

// Plugin is the admission plug-in.
type Plugin struct {
	client   *webhook.Client
	endpoint webhook.Endpoint
	settings settings
	answers  *lru.Cache
}

var _ admission.Validator = (*Plugin)(nil)

// answer is what the webhook said, and until when that holds.
type answer struct {
	status imagepolicyv1alpha1.ImageReviewStatus
	until  time.Time
}

// New returns the plug-in. endpoint reads a kubeconfig file. The configuration
// is
//
//	imagePolicy:
//	  kubeConfigFile: FILE
//	  allowTTL, denyTTL: SECONDS      how long an answer holds
//	  retryBackoff: MILLISECONDS
//	  defaultAllow: BOOL              what holds when the webhook cannot be asked
func New(config []byte, client *webhook.Client, endpoint func(file string) (webhook.Endpoint, error)) (*Plugin, error) {
	s, err := read(config)
	if err != nil {
		return nil, fmt.Errorf("read configuration of ImagePolicyWebhook: %w", err)
	}
	at, err := endpoint(s.file)
	if err != nil {
		return nil, fmt.Errorf("configure ImagePolicyWebhook: %w", err)
	}
	return &Plugin{client: client, endpoint: at, settings: s, answers: lru.New(kept)}, nil
}

// Validate implements admission.Validator.
func (p *Plugin) Validate(ctx context.Context, a *admission.Attributes) error {
	if a.Resource.Kind.Group != "" || a.Resource.Plural != "pods" || a.Operation != admission.Create && a.Operation != admission.Update {
		return nil
	}
	pod, ok := a.Object.(*corev1.Pod)
	if !ok || a.Subresource != "" && a.Subresource != "ephemeralcontainers" {
		return nil
	}
	status, err := p.review(ctx, specOf(pod, a))
	switch {
	case err == nil:
	case p.settings.open:
		a.Annotate(auditPrefix+"failed-open", "true")
		metav1.SetMetaDataAnnotation(&pod.ObjectMeta, failedOpen, "true")
		return nil
	default:
		return forbidden(a, err)
	}
	for key, value := range status.AuditAnnotations {
		a.Annotate(auditPrefix+key, value)
	}
	switch {
	case status.Allowed:
		return nil
	case status.Reason != "":
		return forbidden(a, fmt.Errorf("image policy webhook backend denied one or more images: %s", status.Reason))
	}
	return forbidden(a, errors.New("one or more images rejected by webhook backend"))
}

func forbidden(a *admission.Attributes, err error) error {
	return apierrors.NewForbidden(a.Resource.GroupResource(), a.Name, err)
}

func specOf(pod *corev1.Pod, a *admission.Attributes) imagepolicyv1alpha1.ImageReviewSpec {
	spec := imagepolicyv1alpha1.ImageReviewSpec{Namespace: a.Namespace}
	add := func(image string) {
		spec.Containers = append(spec.Containers, imagepolicyv1alpha1.ImageReviewContainerSpec{Image: image})
	}
	if a.Subresource == "" {
		for _, list := range [][]corev1.Container{pod.Spec.Containers, pod.Spec.InitContainers} {
			for i := range list {
				add(list[i].Image)
			}
		}
	} else {
		for i := range pod.Spec.EphemeralContainers {
			add(pod.Spec.EphemeralContainers[i].Image)
		}
	}
	for key, value := range pod.Annotations {
		if !strings.Contains(key, shown) {
			continue
		}
		if spec.Annotations == nil {
			spec.Annotations = map[string]string{}
		}
		spec.Annotations[key] = value
	}
	return spec
}

// review returns what the webhook says, or said a short while ago.
func (p *Plugin) review(ctx context.Context, spec imagepolicyv1alpha1.ImageReviewSpec) (imagepolicyv1alpha1.ImageReviewStatus, error) {
	question := imagepolicyv1alpha1.ImageReview{
		TypeMeta: metav1.TypeMeta{APIVersion: imagepolicyv1alpha1.SchemeGroupVersion.String(), Kind: "ImageReview"}, Spec: spec,
	}
	body, err := json.Marshal(&question)
	if err != nil {
		return question.Status, err
	}
	if known, ok := p.answers.Get(string(body)); ok && time.Now().Before(known.(answer).until) {
		return known.(answer).status, nil
	}
	status, err := p.ask(ctx, body)
	if err != nil {
		return status, err
	}
	life := p.settings.deny
	if status.Allowed {
		life = p.settings.allow
	}
	p.answers.Add(string(body), answer{status, time.Now().Add(life)})
	return status, nil
}

// ask tries several times, unless the webhook says that the question is wrong.
func (p *Plugin) ask(ctx context.Context, body []byte) (imagepolicyv1alpha1.ImageReviewStatus, error) {
	pause := p.settings.backoff
	for try := 1; ; try++ {
		var got imagepolicyv1alpha1.ImageReview
		err := p.client.Post(ctx, &webhook.Call{Endpoint: p.endpoint, Timeout: callTimeout, Body: body}, &got)
		if err == nil {
			return got.Status, nil
		}
		var status apierrors.APIStatus
		refused := errors.As(err, &status) && status.Status().Code < http.StatusInternalServerError && status.Status().Code != http.StatusTooManyRequests
		if refused || try == tries {
			return got.Status, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return got.Status, err
		}
		pause += pause / 2
	}
}
