package codec

import (
	"reflect"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var (
	secondsType = reflect.TypeFor[metav1.Time]()
	microsType  = reflect.TypeFor[metav1.MicroTime]()
)

// cut writes only where there is something to cut: times may be shared with
// objects that are stored already.
func cut(t *time.Time, unit time.Duration) {
	if fine(*t, unit) {
		*t = t.Truncate(unit)
	}
}

func fine(t time.Time, unit time.Duration) bool { return t.Nanosecond()%int(unit) != 0 }

// cutPointer makes another time, since whoever wrote the object may go on using
// this one.
func cutPointer(v reflect.Value) {
	switch t := v.Interface().(type) {
	case *metav1.Time:
		if t != nil && fine(t.Time, time.Second) {
			v.Set(reflect.ValueOf(&metav1.Time{Time: t.Truncate(time.Second)}))
		}
	case *metav1.MicroTime:
		if t != nil && fine(t.Time, time.Microsecond) {
			v.Set(reflect.ValueOf(&metav1.MicroTime{Time: t.Truncate(time.Microsecond)}))
		}
	}
}

func cutMap(v reflect.Value) {
	for _, key := range v.MapKeys() {
		if t := v.MapIndex(key).Interface().(metav1.Time); fine(t.Time, time.Second) {
			v.SetMapIndex(key, reflect.ValueOf(metav1.Time{Time: t.Truncate(time.Second)}))
		}
	}
}
