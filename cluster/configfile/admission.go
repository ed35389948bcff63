package configfile

import (
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/apiserver/pkg/apis/apiserver"
)

// Admission reads the AdmissionConfiguration in file and returns what it says to
// each plug-in, by name. A plug-in's own file is named relative to it.
func Admission(file string) (map[string][]byte, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	config, err := read[*apiserver.AdmissionConfiguration](data)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	out := map[string][]byte{}
	for _, p := range config.Plugins {
		switch {
		case p.Configuration != nil:
			out[p.Name] = p.Configuration.Raw
		case p.Path != "":
			path := p.Path
			if !filepath.IsAbs(path) {
				path = filepath.Join(filepath.Dir(file), path)
			}
			if out[p.Name], err = os.ReadFile(path); err != nil {
				return nil, fmt.Errorf("read configuration of %s: %w", p.Name, err)
			}
		default:
			out[p.Name] = nil
		}
	}
	return out, nil
}
