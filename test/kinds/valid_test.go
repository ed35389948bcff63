package kinds

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api"
)

// values are what fields of these names hold instead of their own name, so that
// most objects are valid at once. What is still refused is repaired, see valid.
var values = map[string]any{
	"protocol": "TCP", "ip": "10.1.2.3", "hostIP": "10.1.2.3", "podIP": "10.1.2.3", "clusterIP": "10.96.0.7", "clusterIPs": []any{"10.96.0.7"},
	"loadBalancerIP": "10.1.2.3", "externalIPs": []any{"10.1.2.3"}, "hostIPs": []any{map[string]any{"ip": "10.1.2.3"}}, "podIPs": []any{map[string]any{"ip": "10.1.2.3"}},
	"cidr": "10.0.0.0/8", "podCIDR": "10.0.0.0/24", "podCIDRs": []any{"10.0.0.0/24"}, "cidrs": []any{"10.0.0.0/24"}, "except": []any{"10.0.0.0/24"},
	"loadBalancerSourceRanges": []any{"10.0.0.0/8"}, "nameservers": []any{"10.1.2.3"}, "addresses": []any{"10.1.2.3"},
	"mountPath": "/mnt", "devicePath": "/dev/a", "path": "/path", "subPath": "sub", "localhostProfile": "profile.json",
	"schedule": "0 0 * * *", "timeZone": "Etc/UTC", "cron": "0 0 * * *", "uid": "7e0ee4d4-5ed6-4a0a-8b4b-6a58e5e9e3f5",
	"spec.scaleTargetRef.kind": "Deployment", "fieldPath": "metadata.name", "image": "image:1", "containerID": "containerd://id",
	"driver": "driver.example.com", "signerName": "example.com/signer", "wwids": []any{"wwid"}, "monitors": []any{"10.1.2.3"},
	"finalizers": []any{"example.com/finalizer"}, "schedulerName": "scheduler", "expressionLanguage": "cel",
	"topologyKey": "kubernetes.io/hostname", "values": []any{"value"}, "timestamp": "2026-01-02T03:04:05Z",
	"items.path": nil, "tolerations.effect": "NoExecute", "tolerations.operator": "Equal", "volumeMounts.mountPropagation": "HostToContainer", "volumeMounts.name": "volumes0", "volumeDevices.name": "volumes9", "initContainers.name": "init", "ephemeralContainers.name": "ephemeral", "serviceAccountToken.path": "path", "clusterTrustBundle.path": "path", "matchExpressions.operator": "In",
	"matchFields.operator": "In", "matchFields.key": "metadata.name", "podCertificate.credentialBundlePath": "bundle", "podCertificate.keyPath": "key",
	"podCertificate.certificateChainPath": "chain", "podCertificate.keyType": "ED25519", "podCertificate.maxExpirationSeconds": 3600.0,
	"hostPath.type": "Directory", "startIP": "10.1.2.3", "url": "https://example.com/hook", "sizeLimit": "1Gi", "iqn": "iqn.2026-01.com.example:disk", "ipMode": "VIP", "accessModes": []any{"ReadWriteOnce"}, "registry": "registry:1", "initiatorName": "iqn.2026-01.com.example:host",
	"spec.dataSource": absent{}, "flocker.datasetUUID": absent{}, "fc.targetWWNs": absent{}, "clusterTrustBundle.name": absent{},
	"resourceClaims.resourceClaimTemplateName": absent{}, "fieldRef.apiVersion": "v1", "onExitCodes.containerName": "name", "scaleTargetRef.apiVersion": "apps/v1", "describedObject.apiVersion": "apps/v1", "targetRef.apiVersion": "apps/v1",
	"constraints.matchAttribute": "example.com/attribute", "constraints.distinctAttribute": absent{}, "constraints.requests": []any{"name"}, "config.requests": []any{"name"}, "results.request": "name",
	"extendedResourceName": "example.com/device", "shareID": "7e0ee4d4-5ed6-4a0a-8b4b-6a58e5e9e3f5", "target.type": "Value", "containerResource.name": "cpu", "tokenRequests.expirationSeconds": 600.0, "nodeAllocatableUpdatePeriodSeconds": 10.0, "volumeMounts.recursiveReadOnly": "Disabled", "volumeMounts.subPathExpr": absent{}, "requestMappings.containerName": "name", "requestMappings.resourceName": "cpu", "fileKeyRef.volumeName": "volumes1", "resizePolicy.resourceName": "cpu", "resizePolicy.restartPolicy": "NotRequired",
	"healthConditions.status": "StorageDegraded", "healthConditions.accessMode": "ReadWriteOnce", "healthConditions.volumeMode": "Block",
	"taints.effect": "NoExecute", "provisioner": "example.com/provisioner",
}

// absent is the value of a field that excludes another one, wherever both are.
type absent struct{}

// full returns an object of the resource with every field set that can be, and
// the paths of those that had to be left out to make it valid.
func full(r *api.Resource) (api.Object, []string, error) {
	obj := r.New()
	fill(reflect.ValueOf(obj).Elem(), r.Kind.Kind, nil)
	obj.GetObjectKind().SetGroupVersionKind(r.Kind)
	if !r.Namespaced {
		obj.SetNamespace("")
	}
	tree := treeOf(obj)
	preset(tree, "")
	var left []string
	for path, value := range own[r.GroupResource().String()] {
		if value == nil {
			remove(tree, steps(path))
			left = append(left, path)
		} else if err := set(tree, steps(path), value); err != nil {
			return nil, nil, err
		}
	}
	slices.Sort(left)
	for range 300 {
		obj = r.New()
		if err := fromTree(tree, obj); err != nil {
			return nil, left, err
		}
		r.Default(obj)
		trial := obj.DeepCopyObject().(api.Object)
		r.PrepareForCreate(trial)
		errs := r.Validate(trial)
		if len(errs) == 0 {
			return obj, left, nil
		}
		unshift(trial, errs[0])
		path, err := repair(tree, errs[0])
		if err != nil {
			return nil, left, fmt.Errorf("%v: %w", errs[0], err)
		}
		if path != "" {
			left = append(left, path)
		}
	}
	return nil, left, fmt.Errorf("it does not become valid; left out: %v", left)
}

// unshift makes a complaint about a volume of a StatefulSet's template name its place
// there: it was checked behind those of the claims.
func unshift(obj api.Object, e *field.Error) {
	s, ok := obj.(*appsv1.StatefulSet)
	const volumes = "spec.template.spec.volumes["
	if !ok || !strings.HasPrefix(e.Field, volumes) {
		return
	}
	at, rest, _ := strings.Cut(e.Field[len(volumes):], "]")
	if n, err := strconv.Atoi(at); err == nil {
		e.Field = fmt.Sprintf("%s%d]%s", volumes, n-len(s.Spec.VolumeClaimTemplates), rest)
	}
}

func treeOf(obj any) map[string]any {
	data, err := json.Marshal(obj)
	if err != nil {
		panic(err)
	}
	var tree map[string]any
	if err := json.Unmarshal(data, &tree); err != nil {
		panic(err)
	}
	return tree
}

func fromTree(tree map[string]any, obj any) error {
	data, err := json.Marshal(tree)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, obj)
}

func preset(v any, name string) {
	switch v := v.(type) {
	case map[string]any:
		for key, child := range v {
			if name == "metadata" && key == "uid" {
				continue
			}
			value, ok := values[name+"."+key]
			if !ok {
				value, ok = values[key]
			}
			if value == (absent{}) {
				delete(v, key)
				continue
			}
			if ok && alike(value, child) {
				v[key] = value
				continue
			}
			preset(child, key)
		}
	case []any:
		for _, child := range v {
			preset(child, name)
		}
	}
}

// alike tells whether two values are of one JSON type, and their elements too.
func alike(a, b any) bool {
	listA, is := a.([]any)
	listB, too := b.([]any)
	if is && too && len(listA) > 0 && len(listB) > 0 {
		return alike(listA[0], listB[0])
	}
	return reflect.TypeOf(a) == reflect.TypeOf(b)
}

var supported = regexp.MustCompile(`supported values:.*?"([^"]+)"`)

// repair changes what an error complains about: to a value that it names, or to
// nothing. It returns the path of what it left out.
func repair(tree map[string]any, err *field.Error) (string, error) {
	if names := supported.FindStringSubmatch(err.Error()); names != nil && names[1] != "" {
		return "", set(tree, steps(err.Field), names[1])
	}
	if err.Type == field.ErrorTypeRequired {
		return "", fmt.Errorf("nothing is known of it")
	}
	path := err.Field
	for path != "" {
		if removed := remove(tree, steps(path)); removed {
			return path, nil
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return "", fmt.Errorf("there is no such field")
}

var step = regexp.MustCompile(`\[([^\]]*)\]|([^.\[]+)`)

// steps splits a path such as a.b[0].c[key].
func steps(path string) []string {
	var out []string
	for _, m := range step.FindAllStringSubmatch(path, -1) {
		out = append(out, m[1]+m[2])
	}
	return out
}

func child(v any, name string) (any, bool) {
	switch v := v.(type) {
	case map[string]any:
		c, ok := v[name]
		return c, ok
	case []any:
		if i, err := strconv.Atoi(name); err == nil && i < len(v) {
			return v[i], true
		}
	}
	return nil, false
}

func parent(tree any, path []string) (any, bool) {
	ok := true
	for _, name := range path[:len(path)-1] {
		if tree, ok = child(tree, name); !ok {
			return nil, false
		}
	}
	return tree, true
}

func set(tree map[string]any, path []string, value any) error {
	p, ok := parent(tree, path)
	last := path[len(path)-1]
	switch p := p.(type) {
	case map[string]any:
		if _, list := p[last].([]any); list && reflect.TypeOf(value).Kind() == reflect.String {
			value = []any{value}
		}
		if _, is := p[last].(bool); is {
			value = value == "true"
		}
		p[last] = value
		return nil
	case []any:
		if i, err := strconv.Atoi(last); err == nil && i < len(p) {
			p[i] = value
			return nil
		}
	}
	return fmt.Errorf("set %v: %v", path, ok)
}

func remove(tree map[string]any, path []string) bool {
	p, ok := parent(tree, path)
	if !ok {
		return false
	}
	last := path[len(path)-1]
	switch p := p.(type) {
	case map[string]any:
		_, ok := p[last]
		delete(p, last)
		return ok
	case []any:
		i, err := strconv.Atoi(last)
		if err != nil || i >= len(p) {
			return false
		}
		list := slices.Delete(slices.Clone(p), i, i+1)
		if len(list) == 0 {
			return remove(tree, path[:len(path)-1])
		}
		return set(tree, path[:len(path)-1], list) == nil
	}
	return false
}
