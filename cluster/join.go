package cluster

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"

	"sigs.k8s.io/yaml"

	"minke/cluster/pki"
)

// Join is what a machine needs to become a node: where the API is, whom to
// trust, and its own keys. The file that holds it is a secret of that node.
type Join struct {
	Node    string `json:"node"`
	Address string `json:"address"`
	Server  string `json:"server"`
	// Others are the URLs of further servers.
	Others     []string `json:"others,omitempty"`
	PodNet     string   `json:"podNet"`
	ServiceNet string   `json:"serviceNet"`
	Domain     string   `json:"domain"`
	CA         string   `json:"ca"`
	ClientCert string   `json:"clientCert"`
	ClientKey  string   `json:"clientKey"`
	// NetworkCert is the client certificate of the node's network parts.
	NetworkCert string `json:"networkCert"`
	NetworkKey  string `json:"networkKey"`
	Cert        string `json:"cert"`
	Key         string `json:"key"`
}

// NodeClient is a node as a client of the API.
func NodeClient(node string) pki.Client {
	return pki.Client{User: "system:node:" + node, Groups: []string{"system:nodes"}}
}

// NodeServing is how the API server reaches a node's own server.
func NodeServing(node string, address netip.Addr) pki.Serving {
	return pki.Serving{CommonName: "system:node:" + node, Names: []string{node}, IPs: []net.IP{address.AsSlice()}}
}

// NewJoin makes the keys of a node and returns the file to bring to it. It runs
// on a server's machine: those alone have the authority's key. Others are the URLs
// of further servers.
func NewJoin(dataDir, node, address string, others []string) ([]byte, error) {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return nil, fmt.Errorf("--address: %w", err)
	}
	settings, err := loadSettings(dataDir)
	if err != nil {
		return nil, err
	}
	ca, err := pki.Open(filepath.Join(dataDir, "pki"))
	if err != nil {
		return nil, err
	}
	clientPair, err1 := ca.ClientCert("nodes/"+node+"/client", NodeClient(node))
	servingPair, err2 := ca.ServingCert("nodes/"+node+"/kubelet", NodeServing(node, ip))
	networkPair, err3 := ca.ClientCert("nodes/"+node+"/network", pki.Client{User: NodeNetwork})
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	return yaml.Marshal(Join{
		Node: node, Address: address, Server: settings.Server, Others: others,
		PodNet: settings.PodNet, ServiceNet: settings.ServiceNet, Domain: settings.Domain,
		CA:         string(ca.CertPEM),
		ClientCert: string(clientPair.CertPEM), ClientKey: string(clientPair.KeyPEM),
		NetworkCert: string(networkPair.CertPEM), NetworkKey: string(networkPair.KeyPEM),
		Cert: string(servingPair.CertPEM), Key: string(servingPair.KeyPEM),
	})
}

// settings are what the server tells every node that joins.
type settings struct {
	Server     string `json:"server"`
	PodNet     string `json:"podNet"`
	ServiceNet string `json:"serviceNet"`
	Domain     string `json:"domain"`
}

func loadSettings(dataDir string) (settings, error) {
	var s settings
	data, err := os.ReadFile(filepath.Join(dataDir, "settings.yaml"))
	if err != nil {
		return s, fmt.Errorf("read the server's settings (has it ever run?): %w", err)
	}
	return s, yaml.Unmarshal(data, &s)
}

func saveSettings(dataDir string, s settings) error {
	data, err := yaml.Marshal(s)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dataDir, "settings.yaml"), data, 0o600)
}

// loadJoin reads a join file.
func loadJoin(file string) (*Join, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read join file: %w", err)
	}
	var j Join
	if err := yaml.UnmarshalStrict(data, &j); err != nil {
		return nil, fmt.Errorf("read join file %s: %w", file, err)
	}
	return &j, nil
}

// serving is the node's own certificate, and who may vouch for its callers.
func (j *Join) serving() (tls.Certificate, *x509.CertPool, error) {
	pair, err := tls.X509KeyPair([]byte(j.Cert), []byte(j.Key))
	if err != nil {
		return pair, nil, fmt.Errorf("read join file: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(j.CA)) {
		return pair, nil, errors.New("read join file: ca holds no certificate")
	}
	return pair, pool, nil
}
