package cache

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime"
)

// Detector finds out whether somebody changes what caches share: it remembers
// what every object, stored value and kept encoding was like when it was first
// shown, and holds them all for as long as it lives. That is for tests; the
// methods of a nil Detector do nothing.
type Detector struct {
	mu      sync.Mutex // guards all below
	objects map[runtime.Object]*sharedObject
	data    map[*byte]*sharedData
	errs    []error // found while remembering
}

type sharedObject struct {
	key       string
	now, then runtime.Object
}

type sharedData struct {
	what      string
	now, then []byte
}

// NewDetector returns a detector for Options.Detector of any number of caches.
func NewDetector() *Detector {
	return &Detector{objects: map[runtime.Object]*sharedObject{}, data: map[*byte]*sharedData{}}
}

// item remembers what the item shows. Its object, obj, must also be what its
// value says, since others will read that.
func (d *Detector) item(i *Item, obj runtime.Object, codec Codec) {
	if d == nil {
		return
	}
	d.bytes("the value of "+i.Key, i.Value)
	if i.object != nil { // otherwise it is kept in a budget, which tells
		d.object(i.Key, i.object)
	}
	if i.Value == nil {
		return
	}
	if err := asStored(i, obj, codec); err != nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.errs = append(d.errs, err)
	}
}

// asStored compares obj with what a server makes of i's value that reads it anew.
func asStored(i *Item, obj runtime.Object, codec Codec) error {
	fresh, err := codec.Decode(i.Value, i.Revision)
	if err != nil {
		return fmt.Errorf("decode %s: %w", i.Key, err)
	}
	if !equality.Semantic.DeepEqual(fresh, obj) {
		return fmt.Errorf("the shared %T %s is not as it was stored: %s", obj, i.Key, equals(equality.Semantic.DeepEqual).between(fresh, obj))
	}
	return nil
}

// kept remembers what was just made to be kept.
func (d *Detector) kept(e *encoding) {
	switch {
	case d == nil:
	case e.object != nil:
		d.object("kept", e.object)
	default:
		d.bytes("the encoding "+e.name, e.bytes)
	}
}

func (d *Detector) object(key string, obj runtime.Object) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.objects[obj] == nil {
		d.objects[obj] = &sharedObject{key, obj, obj.DeepCopyObject()}
	}
}

func (d *Detector) bytes(what string, b []byte) {
	if len(b) == 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if known := d.data[&b[0]]; known == nil || len(known.now) < len(b) {
		d.data[&b[0]] = &sharedData{what, b, bytes.Clone(b)}
	}
}

// Check tells what has changed since it was first shown, or since the last
// Check, and which objects were not what was stored for them.
func (d *Detector) Check() error {
	if d == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	errs := d.errs
	d.errs = nil
	for _, o := range d.objects {
		if !reflect.DeepEqual(o.now, o.then) {
			errs = append(errs, fmt.Errorf("somebody has changed the shared %T %s: %s", o.now, o.key, equals(reflect.DeepEqual).between(o.then, o.now)))
			o.then = o.now.DeepCopyObject()
		}
	}
	for _, s := range d.data {
		if !bytes.Equal(s.now, s.then) {
			errs = append(errs, fmt.Errorf("somebody has changed %s: %s", s.what, difference(s.then, s.now)))
			s.then = bytes.Clone(s.now)
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}

// Len returns how many objects and pieces of bytes are remembered.
func (d *Detector) Len() (objects, data int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.objects), len(d.data)
}
