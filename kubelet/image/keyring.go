package image

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"sort"
	"strings"

	"github.com/distribution/reference"
	corev1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

type dockerEntry struct {
	Username      string `json:"username"`
	Password      string `json:"password"`
	Auth          string `json:"auth"`
	IdentityToken string `json:"identitytoken"`
}

// credentials returns what the pull secrets hold for the image, the most
// specific registry path first. A secret that cannot be read is skipped: the
// registry's refusal will tell.
func credentials(image string, secrets []*corev1.Secret) []*runtimeapi.AuthConfig {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return nil
	}
	type found struct {
		path string
		auth *runtimeapi.AuthConfig
	}
	var all []found
	for _, s := range secrets {
		entries, err := parse(s)
		if err != nil {
			continue
		}
		for server, e := range entries {
			if path := registryPath(server); matches(path, named.Name()) {
				all = append(all, found{path, e.auth(server)})
			}
		}
	}
	sort.SliceStable(all, func(i, j int) bool { return len(all[i].path) > len(all[j].path) })
	out := make([]*runtimeapi.AuthConfig, len(all))
	for i, f := range all {
		out[i] = f.auth
	}
	return out
}

func parse(s *corev1.Secret) (map[string]dockerEntry, error) {
	if raw, ok := s.Data[corev1.DockerConfigJsonKey]; ok {
		var file struct {
			Auths map[string]dockerEntry `json:"auths"`
		}
		err := json.Unmarshal(raw, &file)
		return file.Auths, err
	}
	if raw, ok := s.Data[corev1.DockerConfigKey]; ok {
		var auths map[string]dockerEntry
		err := json.Unmarshal(raw, &auths)
		return auths, err
	}
	return nil, fmt.Errorf("secret %s/%s: no docker configuration", s.Namespace, s.Name)
}

// registryPath turns https://index.docker.io/v1/ into docker.io.
func registryPath(server string) string {
	server = strings.TrimPrefix(strings.TrimPrefix(server, "https://"), "http://")
	server = strings.TrimSuffix(server, "/")
	server = strings.TrimSuffix(strings.TrimSuffix(server, "/v1"), "/v2")
	if server == "index.docker.io" || server == "registry-1.docker.io" {
		return "docker.io"
	}
	return server
}

// matches compares whole path elements; each part of a host name may be *.
func matches(pattern, name string) bool {
	want, have := strings.Split(pattern, "/"), strings.Split(name, "/")
	if len(want) > len(have) {
		return false
	}
	for i := 1; i < len(want); i++ {
		if want[i] != have[i] {
			return false
		}
	}
	w, h := strings.Split(want[0], "."), strings.Split(have[0], ".")
	if len(w) != len(h) {
		return false
	}
	for i := range w {
		if w[i] != "*" && w[i] != h[i] {
			return false
		}
	}
	return true
}

func (e dockerEntry) auth(server string) *runtimeapi.AuthConfig {
	a := &runtimeapi.AuthConfig{Username: e.Username, Password: e.Password, IdentityToken: e.IdentityToken, ServerAddress: server}
	if a.Username == "" && e.Auth != "" {
		if raw, err := base64.StdEncoding.DecodeString(e.Auth); err == nil {
			a.Username, a.Password, _ = strings.Cut(strings.TrimRight(string(raw), "\x00"), ":")
		}
	}
	return a
}
