package apiserver

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api"
	"minke/api/inprocess"
	"minke/apiserver/admission"
	"minke/apiserver/audit"
	"minke/apiserver/flowcontrol"
	"minke/apiserver/request"
	"minke/store"
	"minke/store/cache"
	"minke/tracing"
)

// Config is what a Server is made of. Store and Resources must be set.
type Config struct {
	Store     store.Store
	Resources []*api.Resource

	// KindName words a kind that a body names where beside was expected, as
	// "v1.Pod"; empty for one that is not known there. A nil function knows none.
	KindName func(named, beside schema.GroupVersionKind) string

	// Authenticate tells who asks. An error or a nil user answers 401. A nil
	// function refuses every request that does not come from this process.
	Authenticate func(*http.Request) (*inprocess.User, error)
	// Authorize refuses with a Forbidden StatusError. Nil allows everything.
	Authorize func(context.Context, *inprocess.User, *request.Info) error
	Admission admission.Chain

	// Actions answer what is not a read or write of a stored object. The keys
	// are "pods/log", "deployments.apps/rollback" for subresources, and
	// "tokenreviews.authentication.k8s.io" for kinds that are not stored.
	// Handlers find request.Info and the user in the context.
	Actions map[string]http.Handler
	// Computed makes the objects of resources that are not stored but answer
	// get and list, by the resource's name, such as "componentstatuses".
	Computed map[string]func(context.Context) []api.Object
	// Elsewhere returns what answers requests for a group version that another
	// server serves, or nil. A nil function means that nothing is.
	Elsewhere func(context.Context, schema.GroupVersion) http.Handler
	// Discovery serves /, /api, /apis and below; OpenAPI serves /openapi.
	Discovery, OpenAPI http.Handler
	// Paths serve what else there is besides resources, by the first element
	// of the path, such as "debug".
	Paths map[string]http.Handler
	// Encrypt returns what seals a resource's objects at rest. A nil function
	// stores them as they are.
	Encrypt func(schema.GroupResource) cache.Sealer
	// Live and Ready are checks of health besides the server's own, by name:
	// /livez tells those of Live, /readyz and /healthz both.
	Live, Ready map[string]func(context.Context) error

	// CBOR offers it beside JSON, YAML and protobuf (KEP 4222, alpha).
	CBOR   bool
	Limits Limits
	// Flow decides which requests from outside run when. When nil, Limits.Reads
	// and Limits.Writes bound them.
	Flow *flowcontrol.Controller
	// Audit is told who did what; nil for nobody.
	Audit *audit.Auditor
	// Tracer decides which requests are traced; nil for none. Its Run is somebody
	// else's to call.
	Tracer *tracing.Tracer
	// StoreName is what spans call the store, such as "etcd3".
	StoreName string
	// KeptBytes bounds the kept encodings of all resources together. Zero
	// means 64 MiB.
	KeptBytes int64
	// Detector, if any, finds out who changes what the caches share. For tests.
	Detector *cache.Detector
	// Context ends the server's caches and watches.
	Context context.Context
	// Log defaults to slog.Default().
	Log *slog.Logger
}

// Limits bound what requests may use. Zero values mean the defaults.
type Limits struct {
	// Body bounds a request's body in bytes (3 MiB).
	Body int64
	// Reads and Writes bound how many short requests are served at a time
	// (400 and 200) without Config.Flow. Watches and streams are not counted.
	Reads, Writes int
	// Request bounds the time of a short request (60 s).
	Request time.Duration
	// WatchMin is the shortest time that a watch lasts when the client does
	// not say; it is drawn from [WatchMin, 2*WatchMin) (30 min).
	WatchMin time.Duration
	// Bookmark is the pause between bookmarks (1 min).
	Bookmark time.Duration
	// History is how many recent events of each resource are kept, for watches
	// from and lists at earlier revisions (4096).
	History int
	// Stall is how long a client may refuse to take what is sent (30 s).
	Stall time.Duration
}

func (l *Limits) fill() {
	fill(&l.Body, 3<<20)
	fill(&l.Reads, 400)
	fill(&l.Writes, 200)
	fill(&l.Request, time.Minute)
	fill(&l.WatchMin, 30*time.Minute)
	fill(&l.Bookmark, time.Minute)
	fill(&l.History, 4096)
	fill(&l.Stall, 30*time.Second)
}

func fill[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
