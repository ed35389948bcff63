package webhook

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"sigs.k8s.io/yaml"
)

// kubeconfig is the part of a client configuration (v1 Config) that says where
// a webhook is and who calls it. []byte fields are base64 in the file.
type kubeconfig struct {
	Current  string `json:"current-context"`
	Clusters []struct {
		Name    string `json:"name"`
		Cluster struct {
			Server   string `json:"server"`
			CA       string `json:"certificate-authority"`
			CAData   []byte `json:"certificate-authority-data"`
			Insecure bool   `json:"insecure-skip-tls-verify"`
			Name     string `json:"tls-server-name"`
			Proxy    string `json:"proxy-url"`
		} `json:"cluster"`
	} `json:"clusters"`
	Users []struct {
		Name string         `json:"name"`
		User kubeconfigUser `json:"user"`
	} `json:"users"`
	Contexts []struct {
		Name    string `json:"name"`
		Context struct {
			Cluster string `json:"cluster"`
			User    string `json:"user"`
		} `json:"context"`
	} `json:"contexts"`
}

type kubeconfigUser struct {
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

// Kubeconfig returns the endpoint that the current context of a client
// configuration file names, with its credentials. Files that it names are
// relative to it. Checking the server's certificate cannot be turned off.
func Kubeconfig(file string) (Endpoint, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return Endpoint{}, err
	}
	var k kubeconfig
	if err := yaml.Unmarshal(data, &k); err != nil {
		return Endpoint{}, fmt.Errorf("read %s: %w", file, err)
	}
	e, err := k.endpoint(filepath.Dir(file))
	if err != nil {
		return Endpoint{}, fmt.Errorf("read %s: %w", file, err)
	}
	return e, nil
}

func (k *kubeconfig) endpoint(dir string) (e Endpoint, err error) {
	cluster, user := "", ""
	for _, c := range k.Contexts {
		if c.Name == k.Current {
			cluster, user = c.Context.Cluster, c.Context.User
		}
	}
	for _, c := range k.Clusters {
		if c.Name != cluster {
			continue
		}
		if c.Cluster.Insecure {
			return e, errors.New("insecure-skip-tls-verify is not supported: name the certificate-authority")
		}
		if c.Cluster.Name != "" || c.Cluster.Proxy != "" {
			return e, errors.New("tls-server-name and proxy-url are not supported")
		}
		e.URL = c.Cluster.Server
		if e.CABundle, err = dataOr(c.Cluster.CAData, dir, c.Cluster.CA); err != nil {
			return e, err
		}
	}
	if e.URL == "" {
		return e, fmt.Errorf("the current context %q leads to no cluster with a server", k.Current)
	}
	for _, u := range k.Users {
		if u.Name == user {
			return e, u.User.identify(dir, &e)
		}
	}
	return e, nil
}

// identify adds the user's credentials.
func (u *kubeconfigUser) identify(dir string, e *Endpoint) error {
	if u.Exec != nil || u.Provider != nil {
		return errors.New("exec and auth-provider are not supported: name a token or a certificate")
	}
	cert, err := dataOr(u.CertData, dir, u.Cert)
	if err != nil {
		return err
	}
	key, err := dataOr(u.KeyData, dir, u.Key)
	if err != nil {
		return err
	}
	if len(cert) > 0 {
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			return fmt.Errorf("read client certificate: %w", err)
		}
		e.Certificate = &pair
	}
	token, err := dataOr([]byte(u.Token), dir, u.TokenFile)
	token = bytes.TrimSpace(token)
	switch {
	case err != nil:
		return err
	case len(token) > 0:
		e.Header = http.Header{"Authorization": {"Bearer " + string(token)}}
	case u.Username != "":
		pair := base64.StdEncoding.EncodeToString([]byte(u.Username + ":" + u.Password))
		e.Header = http.Header{"Authorization": {"Basic " + pair}}
	}
	return nil
}

// dataOr returns data, or else the content of file if it is named.
func dataOr(data []byte, dir, file string) ([]byte, error) {
	if len(data) > 0 || file == "" {
		return data, nil
	}
	if !filepath.IsAbs(file) {
		file = filepath.Join(dir, file)
	}
	return os.ReadFile(file)
}
