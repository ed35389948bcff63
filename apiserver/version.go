package apiserver

import (
	"encoding/json"
	"net/http"
	"runtime"

	"k8s.io/apimachinery/pkg/version"
)

// Version is what /version says of the server. Clients judge by Major and Minor
// what it can do: it keeps to the semantics of this version of Kubernetes.
var Version = version.Info{
	Major: "1", Minor: "37",
	EmulationMajor: "1", EmulationMinor: "37",
	MinCompatibilityMajor: "1", MinCompatibilityMinor: "36",
	GitVersion: "v1.37.2+minke", GitTreeState: "clean", BuildDate: "1970-01-01T00:00:00Z",
	GoVersion: runtime.Version(), Compiler: runtime.Compiler, Platform: runtime.GOOS + "/" + runtime.GOARCH,
}

func (c *call) version() error {
	data, err := json.MarshalIndent(Version, "", "  ")
	if err != nil {
		return err
	}
	return c.writeBytes(http.StatusOK, "application/json", data)
}
