package subresource

import (
	"context"
	"crypto/tls"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"minke/apiserver/backend"
)

// Kubelet is how nodes are reached.
type Kubelet struct {
	// TLS has the API server's client certificate and the authorities of
	// kubelets. A kubelet must show a certificate for the address that is
	// dialled.
	TLS *tls.Config
	backend.Network
}

const kubeletPort = 10250

// kubelet finds the kubelet of a node.
func (s *Server) kubelet(ctx context.Context, name string) (*backend.Place, error) {
	node, err := getAs[*corev1.Node](s, ctx, "nodes", "", name)
	if err != nil {
		return nil, err
	}
	host := addressOf(node)
	if host == "" {
		return nil, apierrors.NewInternalError(fmt.Errorf("no preferred addresses found; known addresses: %v", node.Status.Addresses))
	}
	port := int(node.Status.DaemonEndpoints.KubeletEndpoint.Port)
	if port == 0 {
		port = kubeletPort
	}
	return &backend.Place{Host: host, Port: port, TLS: s.Kubelet.TLS, Via: s.Kubelet.Network}, nil
}

func addressOf(node *corev1.Node) string {
	for _, kind := range []corev1.NodeAddressType{corev1.NodeInternalIP, corev1.NodeExternalIP, corev1.NodeInternalDNS, corev1.NodeHostName} {
		for _, a := range node.Status.Addresses {
			if a.Type == kind && a.Address != "" {
				return a.Address
			}
		}
	}
	return ""
}
