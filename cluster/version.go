// Package cluster assembles the parts of Minke into roles: a server (store,
// API, controllers, scheduler) and an agent (kubelet, runtime, network).
package cluster

// Version is Minke's own version; the build may set it with -ldflags -X.
var Version = "0.1.0-dev"

// KubernetesVersion is the version of the Kubernetes API that is served.
const KubernetesVersion = "v1.37.2"
