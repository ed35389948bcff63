package node

import (
	nodev1 "k8s.io/api/node/v1"

	"minke/api"
)

func runtimeClassColumns() []api.Column[*nodev1.RuntimeClass] {
	return []api.Column[*nodev1.RuntimeClass]{
		{Name: "Handler", Cell: func(c *nodev1.RuntimeClass) any { return c.Handler }},
		api.AgeColumn[*nodev1.RuntimeClass](),
	}
}
