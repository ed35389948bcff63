package customresource

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// TestDynamicInformer follows custom resources with client-go, also through a
// change of their definition, which ends watches.
func TestDynamicInformer(t *testing.T) {
	w := newWorld(t)
	w.define(crd(widgetV1))
	front := httptest.NewServer(w.Server)
	defer front.Close()
	api, err := dynamic.NewForConfig(&rest.Config{Host: front.URL})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	resource := schema.GroupVersionResource{Group: "example.com", Version: "v1", Resource: "widgets"}
	factory := dynamicinformer.NewDynamicSharedInformerFactory(api, 0)
	events := make(chan string, 100)
	name := func(what string, obj any) {
		if u, ok := obj.(*unstructured.Unstructured); ok {
			events <- what + " " + u.GetName()
		}
	}
	_, err = factory.ForResource(resource).Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(obj any) { name("add", obj) }, UpdateFunc: func(_, obj any) { name("update", obj) }, DeleteFunc: func(obj any) { name("delete", obj) },
	})
	if err != nil {
		t.Fatal(err)
	}
	factory.Start(ctx.Done())
	defer factory.Shutdown()
	defer cancel() // before Shutdown, which waits
	factory.WaitForCacheSync(ctx.Done())
	expect := func(want string) {
		t.Helper()
		for {
			select {
			case got := <-events:
				if got == want {
					return
				}
			case <-ctx.Done():
				t.Fatalf("never heard %q", want)
			}
		}
	}
	w.must(201, "POST", widgets, widget("a", `{}`))
	expect("add a")
	w.must(200, "PATCH", widgets+"/a", `{"spec":{"replicas":2}}`, "Content-Type", "application/merge-patch+json")
	expect("update a")
	w.must(200, "PATCH", crds+"/widgets.example.com", `[{"op":"add","path":"/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/size","value":{"type":"integer"}}]`, "Content-Type", "application/json-patch+json")
	w.must(201, "POST", widgets, widget("b", `{}`))
	expect("add b")
	w.must(200, "DELETE", widgets+"/b", "")
	expect("delete b")
}
