package backend

import (
	"fmt"
	"iter"
	"math/rand/v2"

	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
)

// Endpoint picks one of a Service's ready endpoints at random, out of the
// EndpointSlices of its namespace. Port is a name of the Service's ports. The
// error is for the client.
func Endpoint(slices iter.Seq[runtime.Object], service, port string) (string, int32, error) {
	type candidate struct {
		host string
		port int32
	}
	var found []candidate
	for obj := range slices {
		slice, ok := obj.(*discoveryv1.EndpointSlice)
		if !ok || slice.Labels[discoveryv1.LabelServiceName] != service || slice.AddressType == discoveryv1.AddressTypeFQDN {
			continue
		}
		number, ok := slicePort(slice, port)
		if !ok {
			continue
		}
		for _, e := range slice.Endpoints {
			if (e.Conditions.Ready == nil || *e.Conditions.Ready) && len(e.Addresses) > 0 {
				found = append(found, candidate{e.Addresses[0], number})
			}
		}
	}
	if len(found) == 0 {
		return "", 0, apierrors.NewServiceUnavailable(fmt.Sprintf("no endpoints available for service %q", service))
	}
	one := found[rand.IntN(len(found))]
	return one.host, one.port, nil
}

func slicePort(slice *discoveryv1.EndpointSlice, name string) (int32, bool) {
	for _, p := range slice.Ports {
		has := ""
		if p.Name != nil {
			has = *p.Name
		}
		if has == name && p.Port != nil {
			return *p.Port, true
		}
	}
	return 0, false
}
