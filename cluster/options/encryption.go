package options

import (
	"errors"
	"log/slog"

	"github.com/spf13/pflag"

	"minke/apiserver/encryption"
	"minke/cluster/configfile"
)

// Encryption says what is encrypted at rest.
type Encryption struct {
	// ConfigFile holds an EncryptionConfiguration. Reload reads it again when
	// it changes.
	ConfigFile File `json:"configFile,omitempty"`
	Reload     bool `json:"reload,omitempty"`
}

func (o *Encryption) addFlags(flags *pflag.FlagSet) {
	flags.Var(&o.ConfigFile, "encryption-provider-config", "`file` with an EncryptionConfiguration (apiserver.config.k8s.io/v1), which says what is encrypted at rest and how")
	flags.BoolVar(&o.Reload, "encryption-provider-config-automatic-reload", false, "read that file again when it changes")
}

// Open returns what encrypts at rest, or nil when nothing does. The name is this
// server's.
func (o *Encryption) Open(name string, log *slog.Logger) (*encryption.Encryption, error) {
	if o.ConfigFile == "" {
		if o.Reload {
			return nil, errors.New("--encryption-provider-config-automatic-reload needs --encryption-provider-config")
		}
		return nil, nil
	}
	return encryption.New(encryption.Config{File: string(o.ConfigFile), Parse: configfile.Encryption, Log: log, ServerID: name})
}
