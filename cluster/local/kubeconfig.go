package local

import (
	"fmt"
	"os"
	"path/filepath"

	"minke/cluster/pki"

	"sigs.k8s.io/yaml"
)

// writeKubeconfig gives the administrator a kubeconfig (client-go's v1 Config).
func writeKubeconfig(p Paths, spec *Spec) error {
	ca, err := pki.Open(filepath.Join(p.Data, "pki"))
	if err != nil {
		return err
	}
	admin, err := ca.ClientCert("admin", pki.Client{User: "kubernetes-admin", Groups: []string{"system:masters"}})
	if err != nil {
		return err
	}
	type object = map[string]any
	name, user := "minke-"+p.Name, "admin@minke-"+p.Name
	data, err := yaml.Marshal(object{
		"apiVersion": "v1", "kind": "Config", "current-context": name,
		"clusters": []object{{"name": name, "cluster": object{
			"server":                     fmt.Sprintf("https://127.0.0.1:%d", spec.Port),
			"certificate-authority-data": ca.CertPEM,
		}}},
		"contexts": []object{{"name": name, "context": object{"cluster": name, "user": user}}},
		"users":    []object{{"name": user, "user": object{"client-certificate-data": admin.CertPEM, "client-key-data": admin.KeyPEM}}},
	})
	if err != nil {
		return fmt.Errorf("encode kubeconfig: %w", err)
	}
	path := p.Kubeconfig()
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		return fmt.Errorf("write kubeconfig: %w", err)
	}
	return os.Rename(path+".new", path)
}
