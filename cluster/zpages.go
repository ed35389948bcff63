package cluster

import (
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"minke/apiserver/zpages"
)

// zpages adds the pages that say what this server is: only now are the other
// paths known.
func (s *Server) zpages(paths map[string]http.Handler) {
	names := []string{"/livez", "/readyz", "/healthz", "/metrics", "/version", "/statusz", "/flagz"}
	for _, name := range slices.Sorted(maps.Keys(paths)) {
		names = append(names, "/"+name)
	}
	slices.Sort(names)
	paths["statusz"] = zpages.Status(time.Now(), KubernetesVersion, names)
	paths["flagz"] = zpages.Flags(s.cfg.API.values())
}

// values returns the flags with what they are set to. To offer flags sets them
// to their defaults, so that a copy offers them and then takes the values.
func (o *APIOptions) values() map[string]string {
	var shown APIOptions
	flags := pflag.NewFlagSet("kube-apiserver", pflag.ContinueOnError)
	shown.AddFlags(flags)
	shown = *o
	out := map[string]string{}
	flags.VisitAll(func(f *pflag.Flag) { out[f.Name] = f.Value.String() })
	return out
}
