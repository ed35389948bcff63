package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	jsonserializer "k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/apimachinery/pkg/watch"
)

const (
	jsonType     = "application/json"
	protobufType = "application/vnd.kubernetes.protobuf"
	// maxFrame bounds one watch event: etcd's and ours are bounded far below.
	maxFrame = 64 << 20
)

var (
	jsonCodec     = jsonserializer.NewSerializerWithOptions(jsonserializer.DefaultMetaFactory, Scheme, Scheme, jsonserializer.SerializerOptions{})
	protobufCodec = protobuf.NewSerializer(Scheme, Scheme)
)

// decode decodes one object; kinds that Scheme does not know become
// unstructured.
func decode(body []byte, contentType string) (runtime.Object, error) {
	if strings.HasPrefix(contentType, protobufType) {
		obj, _, err := protobufCodec.Decode(body, nil, nil)
		return obj, err
	}
	obj, _, err := jsonCodec.Decode(body, nil, nil)
	if runtime.IsNotRegisteredError(err) {
		obj, _, err = unstructured.UnstructuredJSONScheme.Decode(body, nil, nil)
	}
	return obj, err
}

// encode encodes obj in protobuf if it can be, else in JSON.
func encode(obj runtime.Object, preferProtobuf bool) ([]byte, string, error) {
	nameKind(obj)
	var b bytes.Buffer
	if _, generic := obj.(runtime.Unstructured); !generic && preferProtobuf {
		err := protobufCodec.Encode(obj, &b)
		if err == nil {
			return b.Bytes(), protobufType, nil
		}
		if !protobuf.IsNotMarshalable(err) {
			return nil, "", fmt.Errorf("encode %T: %w", obj, err)
		}
		b.Reset()
	}
	if err := jsonCodec.Encode(obj, &b); err != nil {
		return nil, "", fmt.Errorf("encode %T: %w", obj, err)
	}
	return b.Bytes(), jsonType, nil
}

// decodeWatch reads events from body until it ends, ctx ends, or the watch is
// stopped; it closes body.
func decodeWatch(ctx context.Context, cancel context.CancelFunc, body io.ReadCloser, contentType string) watch.Interface {
	w := &streamWatch{cancel: cancel, events: make(chan watch.Event)}
	next := jsonEvents(body)
	if strings.HasPrefix(contentType, protobufType) {
		next = protobufEvents(body)
	}
	// Ending ctx must end a read that hangs.
	stop := context.AfterFunc(ctx, func() { body.Close() })
	go func() {
		defer close(w.events)
		defer cancel()
		defer stop()
		defer body.Close()
		for {
			event, err := next()
			if err != nil {
				if ctx.Err() != nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
					return
				}
				status := apierrors.NewInternalError(fmt.Errorf("read watch: %w", err)).Status()
				event = watch.Event{Type: watch.Error, Object: &status}
			}
			select {
			case w.events <- event:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return w
}

type streamWatch struct {
	cancel context.CancelFunc
	events chan watch.Event
}

func (w *streamWatch) Stop()                          { w.cancel() }
func (w *streamWatch) ResultChan() <-chan watch.Event { return w.events }

func jsonEvents(body io.Reader) func() (watch.Event, error) {
	d := json.NewDecoder(bufio.NewReaderSize(body, 16<<10))
	return func() (watch.Event, error) {
		var e metav1.WatchEvent
		if err := d.Decode(&e); err != nil {
			return watch.Event{}, err
		}
		obj, err := decode(e.Object.Raw, jsonType)
		return watch.Event{Type: watch.EventType(e.Type), Object: obj}, err
	}
}

// protobufEvents reads frames: four bytes of length, big endian, then a
// WatchEvent whose object is a Kubernetes protobuf envelope.
func protobufEvents(body io.Reader) func() (watch.Event, error) {
	r := bufio.NewReaderSize(body, 16<<10)
	return func() (watch.Event, error) {
		var head [4]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return watch.Event{}, err
		}
		size := int(head[0])<<24 | int(head[1])<<16 | int(head[2])<<8 | int(head[3])
		if size > maxFrame {
			return watch.Event{}, fmt.Errorf("a frame of %d bytes is above the bound of %d", size, maxFrame)
		}
		frame := make([]byte, size)
		if _, err := io.ReadFull(r, frame); err != nil {
			return watch.Event{}, err
		}
		var e metav1.WatchEvent
		if err := e.Unmarshal(frame); err != nil {
			return watch.Event{}, err
		}
		contentType := jsonType
		if bytes.HasPrefix(e.Object.Raw, []byte("k8s\x00")) {
			contentType = protobufType
		}
		obj, err := decode(e.Object.Raw, contentType)
		return watch.Event{Type: watch.EventType(e.Type), Object: obj}, err
	}
}
