package cluster

import (
	"context"
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api"
	"minke/apiserver/flowcontrol"
	"minke/client"
)

// keepFlow follows flow schemas and priority levels until ctx ends. It begins
// once the server is ready: until then it works by the bootstrap objects.
func (s *Server) keepFlow(ctx context.Context) error {
	if s.flow == nil {
		return nil
	}
	k := &flowcontrol.Keeper{Controller: s.flow, Objects: s.api, Log: s.log, Write: s.writeFlow}
	return k.Run(ctx)
}

func (s *Server) writeFlow(ctx context.Context, verb string, resource schema.GroupVersionResource, obj api.Object) error {
	r := client.Request{Verb: verb, Resource: resource, Name: obj.GetName(), FieldManager: "api-priority-and-fairness-config-producer-v1"}
	switch verb {
	case "create":
		r.Name, r.Body = "", obj
	case "update":
		r.Body = obj
	case "delete":
		uid := obj.GetUID()
		r.Delete = metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}}
	}
	_, err := s.self.Do(ctx, r)
	return err
}

// flowPages adds the debugging pages of priority and fairness.
func (s *Server) flowPages(debug *http.ServeMux) {
	if s.flow == nil {
		return
	}
	for path, page := range s.flow.Pages() {
		debug.HandleFunc(path, page)
	}
}
