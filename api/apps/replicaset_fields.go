package apps

import (
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
)

func replicaSetFields() map[string]func(*appsv1.ReplicaSet) string {
	return map[string]func(*appsv1.ReplicaSet) string{
		"status.replicas": func(r *appsv1.ReplicaSet) string { return strconv.Itoa(int(r.Status.Replicas)) },
	}
}
