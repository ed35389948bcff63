package imagepolicy

import (
	"errors"
	"fmt"
	"time"

	"sigs.k8s.io/yaml"
)

// settings are the configuration, with defaults.
type settings struct {
	file                 string
	allow, deny, backoff time.Duration
	// open lets pods through when the webhook cannot be asked.
	open bool
}

// duration reads a number of units: zero means standard, -1 none at all.
func duration(name string, n int64, unit, standard, least, most time.Duration) (time.Duration, error) {
	switch d := time.Duration(n) * unit; {
	case n == 0:
		return standard, nil
	case n == -1:
		return 0, nil
	case d < least || d > most:
		return 0, fmt.Errorf("valid value is between %v and %v, got %v for %s", least, most, d, name)
	default:
		return d, nil
	}
}

func read(config []byte) (settings, error) {
	var file struct {
		ImagePolicy struct {
			KubeConfigFile string `json:"kubeConfigFile"`
			AllowTTL       int64  `json:"allowTTL"`
			DenyTTL        int64  `json:"denyTTL"`
			RetryBackoff   int64  `json:"retryBackoff"`
			DefaultAllow   bool   `json:"defaultAllow"`
		} `json:"imagePolicy"`
	}
	if err := yaml.UnmarshalStrict(config, &file); err != nil {
		return settings{}, err
	}
	in := file.ImagePolicy
	s := settings{file: in.KubeConfigFile, open: in.DefaultAllow}
	if s.file == "" {
		return s, errors.New("kubeConfigFile is not set")
	}
	var errs [3]error
	s.allow, errs[0] = duration("allowTTL", in.AllowTTL, time.Second, 5*time.Minute, time.Second, 30*time.Minute)
	s.deny, errs[1] = duration("denyTTL", in.DenyTTL, time.Second, 30*time.Second, time.Second, 30*time.Minute)
	s.backoff, errs[2] = duration("retryBackoff", in.RetryBackoff, time.Millisecond, 500*time.Millisecond, time.Millisecond, 5*time.Minute)
	return s, errors.Join(errs[:]...)
}
