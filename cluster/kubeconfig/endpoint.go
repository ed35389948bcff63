package kubeconfig

import (
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"

	"minke/apiserver/webhook"
)

// config is the part of a kubeconfig that says how to reach one server.
type config struct {
	CurrentContext string `json:"current-context"`
	Clusters       []struct {
		Name    string `json:"name"`
		Cluster struct {
			Server     string `json:"server"`
			CA         string `json:"certificate-authority"`
			CAData     []byte `json:"certificate-authority-data"`
			ServerName string `json:"tls-server-name"`
			Insecure   bool   `json:"insecure-skip-tls-verify"`
			Proxy      string `json:"proxy-url"`
		} `json:"cluster"`
	} `json:"clusters"`
	Contexts []struct {
		Name    string `json:"name"`
		Context struct {
			Cluster string `json:"cluster"`
			User    string `json:"user"`
		} `json:"context"`
	} `json:"contexts"`
	Users []struct {
		Name string `json:"name"`
		User user   `json:"user"`
	} `json:"users"`
}

type user struct {
	Cert      string `json:"client-certificate"`
	CertData  []byte `json:"client-certificate-data"`
	Key       string `json:"client-key"`
	KeyData   []byte `json:"client-key-data"`
	Token     string `json:"token"`
	TokenFile string `json:"tokenFile"`
	Username  string `json:"username"`
	Password  string `json:"password"`
	Exec      any    `json:"exec"`
	Provider  any    `json:"auth-provider"`
}

// Endpoint reads from a kubeconfig where a webhook is and as whom it is asked.
// Files are named relative to the kubeconfig.
func Endpoint(path string) (webhook.Endpoint, error) {
	at, err := endpoint(path)
	if err != nil {
		return at, fmt.Errorf("read kubeconfig %s: %w", path, err)
	}
	return at, nil
}

func endpoint(path string) (at webhook.Endpoint, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return at, err
	}
	var c config
	if err := yaml.Unmarshal(data, &c); err != nil {
		return at, err
	}
	cluster, name := "", ""
	for _, x := range c.Contexts {
		if x.Name == c.CurrentContext {
			cluster, name = x.Context.Cluster, x.Context.User
		}
	}
	if cluster == "" {
		return at, fmt.Errorf("current-context %q names no cluster", c.CurrentContext)
	}
	found := false
	for _, x := range c.Clusters {
		if x.Name != cluster {
			continue
		}
		found = true
		if x.Cluster.Insecure || x.Cluster.ServerName != "" || x.Cluster.Proxy != "" {
			return at, errors.New("insecure-skip-tls-verify, tls-server-name and proxy-url are not supported for webhooks")
		}
		at.URL = x.Cluster.Server
		if at.CABundle, err = either(path, x.Cluster.CAData, x.Cluster.CA); err != nil {
			return at, err
		}
	}
	if !found || !strings.HasPrefix(at.URL, "https://") {
		return at, fmt.Errorf("cluster %q has no https server", cluster)
	}
	for _, x := range c.Users {
		if x.Name == name {
			return at, x.User.identify(path, &at)
		}
	}
	return at, nil
}

// identify says as whom the webhook is asked.
func (u user) identify(path string, at *webhook.Endpoint) error {
	if u.Exec != nil || u.Provider != nil {
		return errors.New("exec and auth-provider are not supported for webhooks")
	}
	cert, err1 := either(path, u.CertData, u.Cert)
	key, err2 := either(path, u.KeyData, u.Key)
	token, err3 := either(path, []byte(u.Token), u.TokenFile)
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	if len(cert) > 0 {
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			return fmt.Errorf("client certificate: %w", err)
		}
		at.Certificate = &pair
	}
	switch {
	case len(token) > 0:
		at.Header = http.Header{"Authorization": {"Bearer " + strings.TrimSpace(string(token))}}
	case u.Username != "":
		at.Header = http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(u.Username+":"+u.Password))}}
	}
	return nil
}

// either returns data, or what is in the file.
func either(kubeconfig string, data []byte, file string) ([]byte, error) {
	if len(data) > 0 || file == "" {
		return data, nil
	}
	if !filepath.IsAbs(file) {
		file = filepath.Join(filepath.Dir(kubeconfig), file)
	}
	return os.ReadFile(file)
}
