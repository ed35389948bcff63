package kinds

import (
	"reflect"
	"strings"
	"time"

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
	if fillSpecial(v) {
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
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.Set(reflect.ValueOf([]byte("bytes")).Convert(v.Type()))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), strings.TrimSuffix(name, "s"), within)
	case reflect.Map:
		key, elem := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, "key", within)
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

// left are types of which nothing is filled, or of several forms only the first:
// the one called Schema.
var left = map[reflect.Type]bool{
	reflect.TypeFor[metav1.TypeMeta]():                              true,
	reflect.TypeFor[apiextensionsv1.JSONSchemaPropsOrArray]():       true,
	reflect.TypeFor[apiextensionsv1.JSONSchemaPropsOrBool]():        true,
	reflect.TypeFor[apiextensionsv1.JSONSchemaPropsOrStringArray](): true,
}

var sometime = metav1.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// fillSpecial sets values of the types whose form is not that of their Go type.
func fillSpecial(v reflect.Value) bool {
	switch p := v.Addr().Interface().(type) {
	case *metav1.ObjectMeta:
		p.Name, p.Namespace = "name", "default"
		p.Labels, p.Annotations = map[string]string{"label": "value"}, map[string]string{"annotation": "value"}
		p.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: "owner", UID: "uid", Controller: new(true), BlockOwnerDeletion: new(true)}}
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
