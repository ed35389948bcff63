package runtime

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"minke/runtime/seccomp"
)

// maxProfile bounds a Localhost profile, bytes.
const maxProfile = 1 << 20

// seccompFilter is the program for the container's profile; empty for none.
func (r *Runtime) seccompFilter(sc *runtimeapi.LinuxContainerSecurityContext) ([]byte, error) {
	profile := sc.GetSeccomp()
	if sc.GetPrivileged() || profile == nil {
		return nil, nil
	}
	switch profile.GetProfileType() {
	case runtimeapi.SecurityProfile_Unconfined:
		return nil, nil
	case runtimeapi.SecurityProfile_RuntimeDefault:
		set, _, err := capabilities(sc)
		if err != nil {
			return nil, err
		}
		return seccomp.Default(func(name string) bool {
			bit, err := capabilityBits([]string{name})
			return err == nil && set&bit == bit
		}).Assemble()
	}
	data, err := r.readProfile(profile.GetLocalhostRef())
	if err != nil {
		return nil, fmt.Errorf("seccomp profile %q: %w", profile.GetLocalhostRef(), err)
	}
	p, err := seccomp.Parse(data)
	if err != nil {
		return nil, err
	}
	return p.Assemble()
}

// readProfile reads beneath SeccompRoot only, whatever the reference says.
func (r *Runtime) readProfile(ref string) ([]byte, error) {
	if r.config.SeccompRoot == "" {
		return nil, fmt.Errorf("this node has no directory for profiles")
	}
	name := strings.TrimPrefix(ref, "localhost/")
	if filepath.IsAbs(name) {
		rel, err := filepath.Rel(r.config.SeccompRoot, name)
		if err != nil {
			return nil, err
		}
		name = rel
	}
	root, err := os.OpenRoot(r.config.SeccompRoot)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	info, err := root.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxProfile {
		return nil, fmt.Errorf("not a file of at most %d bytes", maxProfile)
	}
	return root.ReadFile(name)
}
