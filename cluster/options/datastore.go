package options

import (
	"fmt"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"minke/apiserver/egress"
	"minke/store"
	"minke/store/etcd"
	"minke/store/local"
)

// Datastore says where the state is kept: in the data directory, or in
// an external etcd if Endpoints are named.
type Datastore struct {
	Endpoints []string `json:"endpoints,omitempty"`
	CAFile    File     `json:"caFile,omitempty"`
	CertFile  File     `json:"certFile,omitempty"`
	KeyFile   File     `json:"keyFile,omitempty"`
	// Prefix is what all keys in etcd begin with; empty means /registry.
	Prefix string `json:"prefix,omitempty"`
	// Compaction is the pause between two compactions of etcd, zero for none;
	// nil means 5 minutes.
	Compaction *time.Duration `json:"compaction,omitempty"`
}

// StoreRoot is what the API server's keys begin with.
const StoreRoot = "/registry"

func (o *Datastore) addFlags(flags *pflag.FlagSet) {
	flags.StringSliceVar(&o.Endpoints, "datastore-endpoints", nil, "keep the state in the etcd at these URLs, such as https://10.0.0.1:2379, instead of in the data directory")
	flags.StringSliceVar(&o.Endpoints, "etcd-servers", nil, "the same as --datastore-endpoints")
	flags.Var(&o.CAFile, "etcd-cafile", "`file` of the authority that etcd's certificate is verified by")
	flags.Var(&o.CertFile, "etcd-certfile", "`file` of the certificate that is shown to etcd")
	flags.Var(&o.KeyFile, "etcd-keyfile", "`file` of that certificate's key")
	flags.StringVar(&o.Prefix, "etcd-prefix", "", "what all keys in etcd begin with (default /registry)")
	flags.Func("etcd-compaction-interval", "how often etcd's history is compacted; 0 leaves that to others (default 5m0s)", func(text string) error {
		d, err := time.ParseDuration(text)
		o.Compaction = &d
		return err
	})
}

// External tells whether the state is kept in etcd.
func (o *Datastore) External() bool { return len(o.Endpoints) > 0 }

// EngineName is what spans call the store: etcd as Kubernetes does.
func (o *Datastore) EngineName() string {
	if o.External() {
		return "etcd3"
	}
	return "local"
}

// KeyPrefix is what all keys in the store begin with, written as kube-apiserver
// writes it.
func (o *Datastore) KeyPrefix() string {
	if !o.External() || o.Prefix == "" {
		return StoreRoot
	}
	return strings.TrimSuffix(path.Join("/", o.Prefix), "/")
}

// Open opens the engine; dir is the server's data directory, dial the way to etcd,
// nil for the usual one.
func (o *Datastore) Open(dir string, dial egress.Dial) (store.Store, error) {
	if !o.External() {
		st, err := local.Open(filepath.Join(dir, "db"), local.Options{})
		if err != nil {
			return nil, fmt.Errorf("open store: %w", err)
		}
		return st, nil
	}
	options := etcd.Options{
		Endpoints: o.Endpoints, CAFile: string(o.CAFile), CertFile: string(o.CertFile), KeyFile: string(o.KeyFile),
		Root: StoreRoot, Prefix: o.KeyPrefix(), CompactionInterval: 5 * time.Minute, Dial: dial.To(),
	}
	if o.Compaction != nil {
		options.CompactionInterval = *o.Compaction
	}
	st, err := etcd.Open(options)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	return st, nil
}
