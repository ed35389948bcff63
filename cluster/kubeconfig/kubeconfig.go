// Package kubeconfig writes kubeconfig files (client-go's v1 Config).
package kubeconfig

import (
	"fmt"
	"os"

	"sigs.k8s.io/yaml"

	"minke/cluster/pki"
)

// Admin names the cluster's administrator, in files and in its certificate.
const Admin = "kubernetes-admin"

// Write gives the administrator of the cluster name a kubeconfig at path, for
// the API at server. The file is replaced as a whole.
func Write(path, name, server string, ca *pki.Authority) error {
	admin, err := ca.ClientCert("admin", pki.Client{User: Admin, Groups: []string{"system:masters"}})
	if err != nil {
		return err
	}
	type object = map[string]any
	user := "admin@" + name
	data, err := yaml.Marshal(object{
		"apiVersion": "v1", "kind": "Config", "current-context": name,
		"clusters": []object{{"name": name, "cluster": object{"server": server, "certificate-authority-data": ca.CertPEM}}},
		"contexts": []object{{"name": name, "context": object{"cluster": name, "user": user}}},
		"users":    []object{{"name": user, "user": object{"client-certificate-data": admin.CertPEM, "client-key-data": admin.KeyPEM}}},
	})
	if err != nil {
		return fmt.Errorf("encode kubeconfig: %w", err)
	}
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		return fmt.Errorf("write kubeconfig: %w", err)
	}
	return os.Rename(path+".new", path)
}
