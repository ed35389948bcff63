package discovery

import (
	"fmt"
	"strconv"
	"strings"

	discoveryv1 "k8s.io/api/discovery/v1"

	"minke/api"
)

// shown is how many ports or addresses a table shows.
const shown = 3

func endpointSliceColumns() []api.Column[*discoveryv1.EndpointSlice] {
	return []api.Column[*discoveryv1.EndpointSlice]{
		{Name: "AddressType", Cell: func(s *discoveryv1.EndpointSlice) any { return string(s.AddressType) }},
		{Name: "Ports", Cell: func(s *discoveryv1.EndpointSlice) any { return ports(s.Ports) }},
		{Name: "Endpoints", Cell: func(s *discoveryv1.EndpointSlice) any { return addresses(s.Endpoints) }},
		api.AgeColumn[*discoveryv1.EndpointSlice](),
	}
}

func ports(all []discoveryv1.EndpointPort) string {
	if len(all) == 0 {
		return api.Unset
	}
	var list []string
	for _, p := range all {
		switch {
		case p.Port != nil:
			list = append(list, strconv.Itoa(int(*p.Port)))
		case p.Name != nil && *p.Name != "":
			list = append(list, *p.Name)
		default:
			list = append(list, "*")
		}
	}
	return shorten(list)
}

func addresses(all []discoveryv1.Endpoint) string {
	if len(all) == 0 {
		return api.Unset
	}
	var list []string
	for i := range all {
		list = append(list, all[i].Addresses...)
	}
	return shorten(list)
}

func shorten(list []string) string {
	if more := len(list) - shown; more > 0 {
		return fmt.Sprintf("%s + %d more...", strings.Join(list[:shown], ","), more)
	}
	return strings.Join(list, ",")
}
