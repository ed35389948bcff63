package cluster

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"

	"minke/store"
	"minke/store/etcd"
	"minke/store/local"
)

// DatastoreOptions say where the state is kept: in the data directory, or in
// an external etcd if Endpoints are named.
type DatastoreOptions struct {
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

// storeRoot is what the API server's keys begin with.
const storeRoot = "/registry"

func (o *DatastoreOptions) addFlags(flags *pflag.FlagSet) {
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

// external tells whether the state is kept in etcd.
func (o *DatastoreOptions) external() bool { return len(o.Endpoints) > 0 }

// name is what spans call the store: etcd as Kubernetes does.
func (o *DatastoreOptions) name() string {
	if o.external() {
		return "etcd3"
	}
	return "local"
}

// open opens the engine; dir is the server's data directory.
func (o *DatastoreOptions) open(dir string) (store.Store, error) {
	if !o.external() {
		st, err := local.Open(filepath.Join(dir, "db"), local.Options{})
		if err != nil {
			return nil, fmt.Errorf("open store: %w", err)
		}
		return st, nil
	}
	options := etcd.Options{
		Endpoints: o.Endpoints, CAFile: string(o.CAFile), CertFile: string(o.CertFile), KeyFile: string(o.KeyFile),
		Root: storeRoot, Prefix: storeRoot, CompactionInterval: 5 * time.Minute,
	}
	if o.Prefix != "" {
		options.Prefix = o.Prefix
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
