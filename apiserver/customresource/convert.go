package customresource

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/uuid"

	"minke/api"
	"minke/apiserver/codec"
	"minke/apiserver/webhook"
)

// Bounds of the calls to a conversion webhook.
const (
	conversionTimeout = 30 * time.Second
	// maxBatch and maxBatchBytes bound the objects of one call; an object alone
	// may be larger.
	maxBatch      = 500
	maxBatchBytes = 1 << 20
	// maxConversions bounds the calls of one definition at a time: a webhook
	// that does not answer must leave places for other requests.
	maxConversions = 100
)

// converter calls the conversion webhook of a definition.
type converter struct {
	client   *webhook.Client
	group    string
	versions []string // of ConversionReview
	endpoint webhook.Endpoint
	schemas  *schemas
	calls    atomic.Int64
	// name is the definition's.
	name    string
	metrics *metrics
}

// newConverter returns nil when the definition's versions differ in nothing but
// their names.
func newConverter(crd *definition, s *schemas, client *webhook.Client, counted *metrics) *converter {
	c := crd.Spec.Conversion
	if c == nil || c.Strategy != apiextensionsv1.WebhookConverter || c.Webhook == nil || c.Webhook.ClientConfig == nil {
		return nil
	}
	to := c.Webhook.ClientConfig
	e := webhook.Endpoint{CABundle: to.CABundle}
	if to.URL != nil {
		e.URL = *to.URL
	}
	if s := to.Service; s != nil {
		e.Service = webhook.NewService(s.Namespace, s.Name, s.Path, s.Port)
	}
	return &converter{client: client, group: crd.Spec.Group, versions: c.Webhook.ConversionReviewVersions, endpoint: e, schemas: s, name: crd.Name, metrics: counted}
}

// convert implements api.Resource.Convert.
func (c *converter) convert(ctx context.Context, version string, objs []api.Object) ([]api.Object, error) {
	to := schema.GroupVersion{Group: c.group, Version: version}
	out := make([]api.Object, len(objs))
	var batch []int
	var texts []runtime.RawExtension
	size := 0
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		if err := c.convertBatch(ctx, to, objs, batch, texts, out); err != nil {
			return err
		}
		batch, texts, size = nil, nil, 0
		return nil
	}
	for i, obj := range objs {
		if obj.GetObjectKind().GroupVersionKind().Version == version {
			out[i] = obj
			continue
		}
		text, err := json.Marshal(obj)
		if err != nil {
			return nil, err
		}
		if len(batch) == maxBatch || len(batch) > 0 && size+len(text) > maxBatchBytes {
			if err := flush(); err != nil {
				return nil, err
			}
		}
		batch, texts, size = append(batch, i), append(texts, runtime.RawExtension{Raw: text}), size+len(text)
	}
	return out, flush()
}

// convertBatch converts those of objs that batch names into their places in out.
func (c *converter) convertBatch(ctx context.Context, to schema.GroupVersion, objs []api.Object, batch []int, texts []runtime.RawExtension, out []api.Object) error {
	began := time.Now()
	kind := objs[batch[0]].GetObjectKind().GroupVersionKind()
	converted, failure, err := c.call(ctx, to, kind, texts)
	for n, i := range batch {
		if err != nil {
			break
		}
		if out[i], err = c.accept(objs[i], converted[n].Raw, to, n); err != nil {
			failure = invalidObjects
		}
	}
	c.metrics.converted(c.name, kind.Version, to.Version, failure, time.Since(began))
	return err
}

// call asks the webhook for a batch; kind is that of the first object.
// An error comes with its failure_type in metrics.
func (c *converter) call(ctx context.Context, to schema.GroupVersion, kind schema.GroupVersionKind, objs []runtime.RawExtension) (converted []runtime.RawExtension, failure string, err error) {
	if c.calls.Add(1) > maxConversions {
		c.calls.Add(-1)
		return nil, callFailure, apierrors.NewTooManyRequests(fmt.Sprintf("too many calls of the conversion webhook for %v are under way", kind), 1)
	}
	defer c.calls.Add(-1)
	version, err := c.reviewVersion()
	if err != nil {
		return nil, callFailure, err
	}
	review := apiextensionsv1.ConversionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: apiextensionsv1.GroupName + "/" + version, Kind: "ConversionReview"},
		Request:  &apiextensionsv1.ConversionRequest{UID: uuid.NewUUID(), DesiredAPIVersion: to.String(), Objects: objs},
	}
	body, err := json.Marshal(&review)
	if err != nil {
		return nil, callFailure, err
	}
	var answer apiextensionsv1.ConversionReview
	call := &webhook.Call{Endpoint: c.endpoint, Timeout: conversionTimeout, Body: body, Limit: webhook.DefaultLimit + 2*int64(len(body))}
	if err := c.client.Post(ctx, call, &answer); err != nil {
		if status := apierrors.APIStatus(nil); errors.As(err, &status) {
			// It is the webhook's Service that was not found, say, not the object.
			err = errors.New(err.Error())
		}
		return nil, callFailure, fmt.Errorf("conversion webhook for %v failed: %w", kind, err)
	}
	if err := verify(&review, &answer, version); err != nil {
		return nil, badAnswer, fmt.Errorf("conversion webhook for %v failed: %w", kind, err)
	}
	converted = answer.Response.ConvertedObjects
	if len(converted) != len(objs) {
		return nil, partialAnswer, fmt.Errorf("conversion webhook for %v returned %d objects, expected %d", kind, len(converted), len(objs))
	}
	return converted, "", nil
}

func (c *converter) reviewVersion() (string, error) {
	for _, v := range c.versions {
		if v == "v1" || v == "v1beta1" {
			return v, nil
		}
	}
	return "", errors.New("no supported conversion review versions (v1, v1beta1) are listed")
}

// verify checks that an answer belongs to a review and tells success. One in
// v1beta1 may leave out its uid.
func verify(asked, answer *apiextensionsv1.ConversionReview, version string) error {
	r := answer.Response
	switch {
	case version == "v1" && answer.GroupVersionKind() != asked.GroupVersionKind():
		return fmt.Errorf("expected webhook response of %v, got %v", asked.GroupVersionKind(), answer.GroupVersionKind())
	case r == nil:
		return errors.New("no response provided")
	case version == "v1" && r.UID != asked.Request.UID:
		return fmt.Errorf("expected response.uid=%q, got %q", asked.Request.UID, r.UID)
	case r.Result.Status == metav1.StatusSuccess:
		return nil
	case r.Result.Message != "":
		return errors.New(r.Result.Message)
	}
	return fmt.Errorf("response.result.status was '%s', expected 'Success'", r.Result.Status)
}

// accept checks what the webhook made of an object, the nth of its batch, and
// takes back what it may not change: all metadata but labels and annotations.
func (c *converter) accept(from api.Object, text []byte, to schema.GroupVersion, n int) (api.Object, error) {
	kind := from.GetObjectKind().GroupVersionKind()
	invalid := func(what string, args ...any) error {
		return fmt.Errorf("conversion webhook for %v returned invalid converted object at index %v: %w", kind, n, fmt.Errorf(what, args...))
	}
	fields, _, err := (&codec.Body{Data: text, Format: codec.JSON, Validation: codec.Ignore}).Fields()
	if err != nil {
		return nil, invalid("%w", err)
	}
	obj := &unstructured.Unstructured{Object: fields}
	got := obj.GroupVersionKind()
	switch {
	case got.GroupVersion() != to:
		return nil, invalid("invalid groupVersion (expected %v, received %v)", to, got.GroupVersion())
	case got.Kind != kind.Kind:
		return nil, invalid("invalid kind (expected %v, received %v)", kind.Kind, got.Kind)
	case obj.GetName() != from.GetName():
		return nil, invalid("must have the same name: %v != %v", from.GetName(), obj.GetName())
	case obj.GetNamespace() != from.GetNamespace():
		return nil, invalid("must have the same namespace: %v != %v", from.GetNamespace(), obj.GetNamespace())
	case obj.GetUID() != from.GetUID():
		return nil, invalid("must have the same UID: %v != %v", from.GetUID(), obj.GetUID())
	}
	if err := restore(obj, from.(*unstructured.Unstructured)); err != nil {
		return nil, fmt.Errorf("conversion webhook for %v returned invalid metadata in object at index %v: %w", kind, n, err)
	}
	if s, err := c.schemas.of(to.Version); err == nil {
		s.prune(obj.Object)
	}
	return obj, nil
}

// restore gives obj the metadata of from, with obj's labels and annotations.
func restore(obj, from *unstructured.Unstructured) error {
	converted, ok := obj.Object["metadata"].(map[string]any)
	if !ok {
		return errors.New("missing metadata in converted object")
	}
	original, _ := from.Object["metadata"].(map[string]any)
	metadata := runtime.DeepCopyJSON(original)
	for _, field := range []string{"labels", "annotations"} {
		value, given := converted[field]
		if !given || value == nil {
			delete(metadata, field)
			continue
		}
		entries, ok := value.(map[string]any)
		if !ok {
			return fmt.Errorf("metadata.%s: Invalid value: %v: must be a map", field, value)
		}
		for name, v := range entries {
			if _, ok := v.(string); !ok {
				return fmt.Errorf("metadata.%s[%s]: Invalid value: %v: must be a string", field, name, v)
			}
		}
		metadata[field] = entries
	}
	obj.Object["metadata"] = metadata
	return nil
}
