package kinds

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// fill sets every field of v, one element in each list and map. What a string
// holds is made of the name of its field, in lower case, so that most names are
// valid; a type that holds itself is entered once.
func fill(v reflect.Value, name string, within []reflect.Type) {
	if fillSpecial(v) || spread(v, name, within) {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		p := reflect.New(v.Type().Elem())
		fill(p.Elem(), name, within)
		v.Set(p)
	case reflect.Struct:
		again := 0
		for _, t := range within {
			if t == v.Type() {
				again++
			}
		}
		if again > 1 {
			return
		}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && !left[f.Type] && !left[v.Type()] || f.Name == "Schema" || f.Name == "Allows" {
				fill(v.Field(i), f.Name, append(within, v.Type()))
			}
		}
		amend(v.Addr().Interface())
		if members := handlers[v.Type()]; members > 0 {
			turn++
			keepOne(v, turn%members)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.Set(reflect.ValueOf([]byte("bytes")).Convert(v.Type()))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), strings.TrimSuffix(name, "s"), within)
	case reflect.Map:
		key, elem := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, "entry", within)
		fill(elem, name, within)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, elem)
	case reflect.String:
		v.SetString(strings.ToLower(name))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint8, reflect.Uint32, reflect.Uint64:
		v.SetUint(1)
	case reflect.Float64:
		v.SetFloat(1.5)
	}
}

// unions are the types of which one member excludes the others, by the types of
// the lists of them; an element holds it, or is one.
var unions = map[reflect.Type]string{
	reflect.TypeFor[[]corev1.Volume]():            "VolumeSource",
	reflect.TypeFor[[]corev1.EnvVar]():            "ValueFrom",
	reflect.TypeFor[[]corev1.VolumeProjection]():  "",
	reflect.TypeFor[[]autoscalingv2.MetricSpec](): "",
}

// amend takes back what excludes other fields of the same struct.
func amend(filled any) {
	switch p := filled.(type) {
	case *corev1.PodSpec:
		p.EphemeralContainers, p.HostPID, p.SecurityContext.WindowsOptions = nil, false, nil
		p.Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("4"), corev1.ResourceMemory: resource.MustParse("4Gi")}
		p.Resources.Limits, p.Resources.Claims = p.Resources.Requests, nil
		p.OS = &corev1.PodOS{Name: corev1.Linux}
	case *corev1.Container:
		p.ReadinessProbe.TerminationGracePeriodSeconds = nil
		p.VolumeMounts[0].SubPathExpr, p.SecurityContext.WindowsOptions = "", nil
		p.SecurityContext.Privileged = nil // it needs privilege escalation, which is set
	case *corev1.EnvFromSource:
		p.SecretRef = nil
	case *corev1.ServiceAccountTokenProjection:
		p.ExpirationSeconds = new(int64(3600))
	}
}

// handlers are unions that stand alone, with the number of their members, which
// take turns.
var handlers = map[reflect.Type]int{
	reflect.TypeFor[corev1.ProbeHandler]():     4,
	reflect.TypeFor[corev1.LifecycleHandler](): 4,
}

var turn int

// spread fills a list of a union: one element for each member.
func spread(v reflect.Value, name string, within []reflect.Type) bool {
	member, ok := unions[v.Type()]
	if !ok {
		return false
	}
	whole := reflect.New(v.Type().Elem()).Elem()
	fill(whole, name, within)
	for i := 0; ; i++ {
		elem := reflect.New(v.Type().Elem()).Elem()
		elem.Set(whole)
		if f := elem.FieldByName("Name"); f.IsValid() {
			f.SetString(fmt.Sprintf("%s%d", strings.ToLower(name), i))
		}
		union := elem
		if member != "" {
			union = elem.FieldByName(member)
		}
		if union.Kind() == reflect.Pointer {
			clone := reflect.New(union.Type().Elem())
			clone.Elem().Set(union.Elem())
			union.Set(clone)
			union = clone.Elem()
		}
		if !keepOne(union, i) {
			return true
		}
		if f := elem.FieldByName("Type"); f.IsValid() && member == "" {
			f.SetString(memberName(union))
		}
		if f := elem.FieldByName("Value"); f.IsValid() && member != "" {
			f.SetString("")
		}
		v.Set(reflect.Append(v, elem))
	}
}

// keepOne clears all pointers of a union but the n-th.
func keepOne(union reflect.Value, n int) bool {
	found, at := false, 0
	for i := range union.NumField() {
		f := union.Field(i)
		if f.Kind() != reflect.Pointer {
			continue
		}
		if at == n {
			found = true
		} else {
			f.SetZero()
		}
		at++
	}
	return found
}

func memberName(union reflect.Value) string {
	for i := range union.NumField() {
		if f := union.Field(i); f.Kind() == reflect.Pointer && !f.IsNil() {
			return union.Type().Field(i).Name
		}
	}
	return ""
}

// left are types of which nothing is filled, or of several forms only the first:
// the one called Schema.
var left = map[reflect.Type]bool{
	reflect.TypeFor[metav1.TypeMeta]():                              true,
	reflect.TypeFor[apiextensionsv1.JSONSchemaPropsOrArray]():       true,
	reflect.TypeFor[apiextensionsv1.JSONSchemaPropsOrBool]():        true,
	reflect.TypeFor[apiextensionsv1.JSONSchemaPropsOrStringArray](): true,
}

// paths counts the files in volumes, whose paths may not be the same.
var paths int

var storage = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}

var sometime = metav1.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// fillSpecial sets values of the types whose form is not that of their Go type.
func fillSpecial(v reflect.Value) bool {
	switch p := v.Addr().Interface().(type) {
	case *metav1.ObjectMeta:
		p.Name, p.Namespace = "name", "default"
		p.Labels, p.Annotations = map[string]string{"label": "value"}, map[string]string{"annotation": "value"}
		p.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: "owner", UID: "uid", Controller: new(true), BlockOwnerDeletion: new(true)}}
	case *corev1.KeyToPath:
		paths++
		*p = corev1.KeyToPath{Key: "key", Path: fmt.Sprintf("path%d", paths), Mode: new(int32(0o440))}
	case *corev1.DownwardAPIVolumeFile:
		paths++
		*p = corev1.DownwardAPIVolumeFile{Path: fmt.Sprintf("path%d", paths), Mode: new(int32(0o440)),
			FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "metadata.name"}}
	case *corev1.VolumeResourceRequirements:
		p.Requests, p.Limits = storage, storage
	case *corev1.ResourceList:
		*p = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1"), corev1.ResourceMemory: resource.MustParse("1Gi")}
	case *metav1.LabelSelector:
		p.MatchLabels = map[string]string{"label": "value"}
		p.MatchExpressions = []metav1.LabelSelectorRequirement{{Key: "label", Operator: metav1.LabelSelectorOpIn, Values: []string{"value"}}}
	case *metav1.Time:
		*p = sometime
	case *metav1.MicroTime:
		*p = metav1.NewMicroTime(sometime.Add(7 * time.Microsecond))
	case *metav1.Duration:
		p.Duration = time.Minute
	case *resource.Quantity:
		*p = resource.MustParse("1")
	case *intstr.IntOrString:
		*p = intstr.FromInt32(1)
	case *runtime.RawExtension:
		p.Raw = []byte(`{"apiVersion":"v1","kind":"List","text":"a"}`)
	case *apiextensionsv1.JSON:
		p.Raw = []byte(`"a"`)
	case *metav1.FieldsV1:
		p.SetRawBytes([]byte(`{"f:a":{}}`))
	default:
		return false
	}
	return true
}
