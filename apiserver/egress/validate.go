package egress

import (
	"os"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/apis/apiserver"
)

var networks = []string{"cluster", "controlplane", "etcd"}

// network is where the way of a valid name is kept. Case does not matter.
func (s *Selector) network(name string) *Dial {
	switch strings.ToLower(name) {
	case "controlplane":
		return &s.controlPlane
	case "etcd":
		return &s.etcd
	}
	return &s.cluster
}

func validate(config *apiserver.EgressSelectorConfiguration) (errs field.ErrorList) {
	seen := map[string]bool{}
	for i := range config.EgressSelections {
		one, at := &config.EgressSelections[i], field.NewPath("egressSelections").Index(i)
		switch name := strings.ToLower(one.Name); {
		case !slices.Contains(networks, name):
			errs = append(errs, field.NotSupported(at.Child("name"), one.Name, networks))
		case seen[name]:
			errs = append(errs, field.Duplicate(at.Child("name"), one.Name))
		default:
			seen[name] = true
		}
		errs = append(errs, validateConnection(&one.Connection, at.Child("connection"))...)
	}
	return errs
}

func validateConnection(c *apiserver.Connection, at *field.Path) field.ErrorList {
	transport := at.Child("transport")
	switch c.ProxyProtocol {
	case apiserver.ProtocolDirect:
		if c.Transport != nil {
			return field.ErrorList{field.Forbidden(transport, "must be absent for Direct")}
		}
		return nil
	case apiserver.ProtocolGRPC, apiserver.ProtocolHTTPConnect:
	default:
		return field.ErrorList{field.NotSupported(at.Child("proxyProtocol"), c.ProxyProtocol,
			[]apiserver.ProtocolType{apiserver.ProtocolDirect, apiserver.ProtocolGRPC, apiserver.ProtocolHTTPConnect})}
	}
	if c.Transport == nil {
		return field.ErrorList{field.Required(transport, "must be set for "+string(c.ProxyProtocol))}
	}
	tcp, uds := c.Transport.TCP, c.Transport.UDS
	switch {
	case c.ProxyProtocol == apiserver.ProtocolGRPC && uds == nil:
		return field.ErrorList{field.Required(transport.Child("uds"), "must be set for GRPC")}
	case tcp != nil && uds != nil:
		return field.ErrorList{field.Invalid(transport.Child("tcp"), tcp.URL, "tcp and uds cannot both be set")}
	case tcp == nil && uds == nil:
		return field.ErrorList{field.Required(transport, "one of tcp and uds must be set")}
	case uds != nil:
		if uds.UDSName == "" {
			return field.ErrorList{field.Required(transport.Child("uds", "udsName"), "")}
		}
		return nil
	}
	return validateTCP(tcp, transport.Child("tcp"))
}

func validateTCP(tcp *apiserver.TCPTransport, at *field.Path) (errs field.ErrorList) {
	secured := at.Child("tlsConfig")
	switch {
	case strings.HasPrefix(tcp.URL, "http://"):
		if tcp.TLSConfig != nil {
			return field.ErrorList{field.Forbidden(secured, "must be absent when the url is http://")}
		}
		return nil
	case !strings.HasPrefix(tcp.URL, "https://"):
		return field.ErrorList{field.Invalid(at.Child("url"), tcp.URL, "supported connection protocols are http:// and https://")}
	case tcp.TLSConfig == nil:
		return field.ErrorList{field.Required(secured, "must be set when the url is https://")}
	}
	for _, f := range []struct {
		child, name string
		wanted      bool
	}{{"caBundle", tcp.TLSConfig.CABundle, false}, {"clientCert", tcp.TLSConfig.ClientCert, true}, {"clientKey", tcp.TLSConfig.ClientKey, true}} {
		if f.name == "" {
			if f.wanted {
				errs = append(errs, field.Required(secured.Child(f.child), "must be set when the url is https://"))
			}
			continue
		}
		if _, err := os.Stat(f.name); err != nil {
			errs = append(errs, field.Invalid(secured.Child(f.child), f.name, err.Error()))
		}
	}
	return errs
}
