//go:build conformance

package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

const sweepCondition = `{"conditions":[{"type":"Sweep","status":"True","lastTransitionTime":"2026-01-02T03:04:05Z","reason":"Swept","message":"swept"}]}`

// statuses holds a status to write by apiVersion/Kind, where a condition will
// not do.
var statuses = map[string]string{
	"autoscaling/v1/HorizontalPodAutoscaler": `{"currentReplicas":0,"desiredReplicas":1}`,
	"batch/v1/CronJob":                       `{"lastScheduleTime":"2026-01-02T03:04:05Z"}`,
	"v1/PersistentVolume":                    `{"message":"swept"}`,
	"v1/ResourceQuota":                       `{"hard":{"pods":"7"}}`,
	"v1/ReplicationController":               sweepCondition,
	"networking.k8s.io/v1/Ingress":           `{"loadBalancer":{"ingress":[{"ip":"10.1.2.3"}]}}`,
	"resource.k8s.io/v1/ResourceClaim":       `{"allocation":{"devices":{"results":[{"request":"one","driver":"example.com","pool":"p","device":"d"}]}}}`,
	// Its only field belongs to a feature that is off (CSIVolumeHealth).
	"storage.k8s.io/v1/CSINode":                                 `{}`,
	"storage.k8s.io/v1/VolumeAttachment":                        `{"attached":true}`,
	"admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy": sweepCondition,
	"certificates.k8s.io/v1/PodCertificateRequest":              strings.ReplaceAll(sweepCondition, `"Sweep"`, `"Denied"`),
	// Its controller says the same of a resource that is not there.
	"storagemigration.k8s.io/v1/StorageVersionMigration": strings.ReplaceAll(sweepCondition, `"Sweep"`, `"Failed"`),
}

// subresource sweeps status, scale, approval, resize and ephemeralcontainers.
func (s *sweep) subresource() error {
	one, err := s.make()
	if err != nil {
		return err
	}
	path := s.path(one) + "/" + s.sub
	change, err := s.change()
	if err != nil {
		return err
	}
	switch s.endpoint.Action {
	case "get":
		got, err := s.call(request{Method: "GET", Path: path}, 200)
		if err != nil {
			return err
		}
		return errors.Join(want("uid", got.str("metadata.uid"), one.str("metadata.uid")), want("kind", got.str("kind"), s.endpoint.Kind))
	case "patch":
		kind := mergePatch
		if s.sub == "resize" || s.sub == "ephemeralcontainers" {
			kind = strategicPatch
		}
		got, err := s.call(request{Method: "PATCH", Path: path, Type: kind, Body: change}, 200)
		if err != nil {
			return err
		}
		if err := holds(got, change); err != nil {
			return err
		}
		return s.keeps(path, change)
	case "put":
		return s.putSub(path, change)
	}
	return fmt.Errorf("no check for %s of %s", s.endpoint.Action, s.sub)
}

func (s *sweep) putSub(path string, change object) error {
	for range 20 {
		got, err := s.call(request{Method: "GET", Path: path}, 200)
		if err != nil {
			return err
		}
		overlay(got, change)
		a, err := do(s.ctx, request{Method: "PUT", Path: path, Body: got})
		if err != nil {
			return err
		}
		if a.Code == http.StatusConflict {
			continue
		}
		if err := a.err(200); err != nil {
			return err
		}
		if err := holds(a.Body, change); err != nil {
			return err
		}
		return s.keeps(path, change)
	}
	return errors.New("conflicts without end")
}

// keeps wants the change in what is read afterwards.
func (s *sweep) keeps(path string, change object) error {
	if s.kind == "v1/ResourceQuota" {
		return nil // its controller counts anew, and may have been faster
	}
	got, err := s.call(request{Method: "GET", Path: path}, 200)
	if err != nil {
		return err
	}
	if err := holds(got, change); err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	return nil
}

// change is what is written to the subresource.
func (s *sweep) change() (object, error) {
	text := ""
	switch s.sub {
	case "status":
		text = statuses[s.kind]
		if text == "" {
			text = sweepCondition
		}
		text = `{"status":` + text + `}`
	case "scale":
		text = `{"spec":{"replicas":1}}`
	case "approval":
		text = `{"status":{"conditions":[{"type":"Approved","status":"True","reason":"Swept","message":"swept"}]}}`
	case "resize":
		text = `{"spec":{"containers":[{"name":"a","resources":{"requests":{"cpu":"20m"}}}]}}`
	case "ephemeralcontainers":
		text = `{"spec":{"ephemeralContainers":[{"name":"look","image":"minke.local/toolbox"}]}}`
	default:
		return nil, fmt.Errorf("no check for subresource %q", s.sub)
	}
	var o object
	return o, json.Unmarshal([]byte(text), &o)
}

// overlay writes change into o; lists of named things element by element.
func overlay(o, change map[string]any) {
	for k, v := range change {
		old, isMap := o[k].(map[string]any)
		list, isList := o[k].([]any)
		switch v := v.(type) {
		case map[string]any:
			if !isMap {
				old = map[string]any{}
				o[k] = old
			}
			overlay(old, v)
		case []any:
			if !isList || len(list) != len(v) {
				o[k] = append(list, v...)
				continue
			}
			for i := range v {
				overlay(list[i].(map[string]any), v[i].(map[string]any))
			}
		default:
			o[k] = v
		}
	}
}

// holds wants every value of change within got; a list's elements may stand
// anywhere in it.
func holds(got any, change any) error {
	if o, ok := got.(object); ok {
		got = map[string]any(o)
	}
	if o, ok := change.(object); ok {
		change = map[string]any(o)
	}
	switch c := change.(type) {
	case map[string]any:
		g, _ := got.(map[string]any)
		for k, v := range c {
			if err := holds(g[k], v); err != nil {
				return fmt.Errorf("%s: %w", k, err)
			}
		}
		return nil
	case []any:
		g, _ := got.([]any)
		for _, wanted := range c {
			found := false
			for _, have := range g {
				found = found || holds(have, wanted) == nil
			}
			if !found {
				return fmt.Errorf("%v is not among %v", wanted, got)
			}
		}
		return nil
	}
	if strings.TrimSpace(fmt.Sprint(got)) != fmt.Sprint(change) {
		return fmt.Errorf("%v, wanted %v", got, change)
	}
	return nil
}
