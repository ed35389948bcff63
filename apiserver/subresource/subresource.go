// Package subresource answers the requests that act instead of reading or
// writing a stored object: binding and evicting pods, issuing tokens, reviews
// of access and identity, and the ways through to a node, a pod or a service
// (log, exec, attach, portforward, proxy).
package subresource

import (
	"context"
	"iter"
	"log/slog"
	"net/http"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api"
	"minke/apiserver/admission"
	"minke/apiserver/authn"
	"minke/apiserver/authz"
	"minke/apiserver/backend"
	"minke/apiserver/request"
)

// Codec reads request bodies and writes answers, in the encoding that the
// client chose. Reading may add Warning headers to the answer.
type Codec interface {
	Read(w http.ResponseWriter, r *http.Request, into runtime.Object) error
	Write(w http.ResponseWriter, r *http.Request, status int, obj runtime.Object)
	WriteError(w http.ResponseWriter, r *http.Request, err error)
}

// Reader reads stored objects, which are shared and never changed.
type Reader interface {
	Get(ctx context.Context, resource schema.GroupVersionResource, namespace, name string) (runtime.Object, error)
	// Snapshot returns all objects of the resource and their revision.
	Snapshot(resource schema.GroupVersionResource, namespace string) (iter.Seq[runtime.Object], string, error)
}

// Updater changes a stored object. Change is called with a copy, again after
// each conflict, and its error is returned as it is. No admission runs.
type Updater interface {
	Update(ctx context.Context, resource schema.GroupVersionResource, namespace, name string, change func(api.Object) error) (api.Object, error)
}

// Deleter deletes an object as the DELETE verb does: preconditions, grace and
// finalizers are honoured.
type Deleter interface {
	Delete(ctx context.Context, resource schema.GroupVersionResource, namespace, name string, options metav1.DeleteOptions) error
}

// TokenReviewer tells whom a bearer token stands for. An identity of nil means
// that the token is unknown.
type TokenReviewer interface {
	AuthenticateToken(ctx context.Context, token string, audiences []string) (*authn.Identity, error)
}

// Config is what the handlers are made of. All fields but those said to be
// optional must be set.
type Config struct {
	Codec   Codec
	Reader  Reader
	Updater Updater
	Deleter Deleter
	// Authorizer answers reviews.
	Authorizer authz.Authorizer
	Tokens     TokenReviewer
	Issuer     *authn.Issuer
	// Audiences are those of a token that is asked for without any.
	Audiences []string
	// MaxTokenLife cuts the lives of tokens; zero does not. ExtendTokens lets
	// those that pods get by default live on when they are not renewed.
	MaxTokenLife time.Duration
	ExtendTokens bool
	// Kubelet is the way to nodes, Network the way to pods.
	Kubelet Kubelet
	Network backend.Network
	// Admission is asked about what acts on an object; optional.
	Admission admission.Chain
	// Resource finds a resource by its plural name for admission; optional
	// without Admission.
	Resource func(schema.GroupResource) *api.Resource
	// Now defaults to time.Now, Log to slog.Default.
	Now func() time.Time
	Log *slog.Logger
}

// Server has the handlers.
type Server struct {
	Config
	proxies *http.Transport
}

// New returns the server of config.
func New(config Config) *Server {
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Log == nil {
		config.Log = slog.Default().With("part", "subresource")
	}
	s := &Server{Config: config}
	s.proxies = backend.NewTransport()
	return s
}

// handler answers a request or returns why it cannot, before it has written.
type handler func(w http.ResponseWriter, r *http.Request) error

// Actions returns the handlers by the names that the server dispatches on.
func (s *Server) Actions() map[string]http.Handler {
	out := map[string]http.Handler{}
	for name, h := range map[string]handler{
		"bindings":              s.binding,
		"pods/binding":          s.binding,
		"pods/eviction":         s.eviction,
		"pods/log":              s.log,
		"pods/exec":             s.exec,
		"pods/attach":           s.attach,
		"pods/portforward":      s.portForward,
		"pods/proxy":            s.podProxy,
		"services/proxy":        s.serviceProxy,
		"nodes/proxy":           s.nodeProxy,
		"serviceaccounts/token": s.token,

		"tokenreviews.authentication.k8s.io":             s.tokenReview,
		"selfsubjectreviews.authentication.k8s.io":       s.selfSubjectReview,
		"subjectaccessreviews.authorization.k8s.io":      s.subjectAccessReview,
		"localsubjectaccessreviews.authorization.k8s.io": s.localSubjectAccessReview,
		"selfsubjectaccessreviews.authorization.k8s.io":  s.selfSubjectAccessReview,
		"selfsubjectrulesreviews.authorization.k8s.io":   s.selfSubjectRulesReview,
	} {
		out[name] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := h(w, r); err != nil {
				s.Codec.WriteError(w, r, err)
			}
		})
	}
	return out
}

// admit asks admission about an action on an object.
func (s *Server) admit(ctx context.Context, a *admission.Attributes, resource string) error {
	if err := s.mutate(ctx, a, resource); err != nil {
		return err
	}
	return s.validate(ctx, a)
}

// mutate is the first half of admit, which comes before what is asked for is
// looked at, and also refuses what is in a namespace that does not exist.
func (s *Server) mutate(ctx context.Context, a *admission.Attributes, resource string) error {
	if len(s.Admission) == 0 || s.Resource == nil {
		return nil
	}
	a.Annotations = request.AnnotationsFrom(ctx)
	if a.Resource = s.Resource(schema.GroupResource{Resource: resource}); a.Resource == nil {
		return nil
	}
	a.Version.Resource = a.Resource.GroupVersionResource()
	if a.Object != nil {
		a.Object.GetObjectKind().SetGroupVersionKind(a.Version.Kind)
	}
	if a.Operation == admission.Create && a.Options == nil {
		a.Options = &metav1.CreateOptions{TypeMeta: metav1.TypeMeta{APIVersion: "meta.k8s.io/v1", Kind: "CreateOptions"}}
		if a.DryRun {
			a.Options.(*metav1.CreateOptions).DryRun = []string{metav1.DryRunAll}
		}
	}
	if a.Warn == nil {
		a.Warn = func(string) {}
	}
	return s.Admission.Admit(ctx, a)
}

// validate is the second half of admit.
func (s *Server) validate(ctx context.Context, a *admission.Attributes) error {
	if a.Resource == nil {
		return nil
	}
	return s.Admission.Validate(ctx, a)
}

// done answers what has no object to show.
func (s *Server) done(w http.ResponseWriter, r *http.Request) error {
	s.Codec.Write(w, r, http.StatusCreated, &metav1.Status{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusSuccess, Code: http.StatusCreated,
	})
	return nil
}

func dryRun(r *http.Request, options ...string) bool {
	if len(options) > 0 {
		return true
	}
	return r.URL.Query().Get("dryRun") == metav1.DryRunAll
}
