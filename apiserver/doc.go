// Package apiserver serves the Kubernetes API over HTTP and, without
// serialization, in process.
//
//	ServeHTTP ─ recover ─ parse ─ authenticate ─ seat (flowcontrol) ─ authorize
//	    ├── health, version, metrics, discovery, OpenAPI
//	    ├── actions (pods/log, bindings, reviews): handlers of other packages
//	    └── verbs: get list watch │ create update patch delete │ scale
//	                   └─ views of kept encodings      └─ admission, store/cache
//
// There is one file for each verb. A verb reads and writes one resource's
// store/cache; it never sees the store itself.
package apiserver
