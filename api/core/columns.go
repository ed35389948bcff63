package core

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/api"
)

func namespaceColumns() []api.Column[*corev1.Namespace] {
	return []api.Column[*corev1.Namespace]{
		{Name: "Status", Cell: func(n *corev1.Namespace) any { return string(n.Status.Phase) }},
		api.AgeColumn[*corev1.Namespace](),
	}
}

func configMapColumns() []api.Column[*corev1.ConfigMap] {
	return []api.Column[*corev1.ConfigMap]{
		{Name: "Data", Cell: func(c *corev1.ConfigMap) any { return int64(len(c.Data) + len(c.BinaryData)) }},
		api.AgeColumn[*corev1.ConfigMap](),
	}
}

func secretColumns() []api.Column[*corev1.Secret] {
	return []api.Column[*corev1.Secret]{
		{Name: "Type", Cell: func(s *corev1.Secret) any { return string(s.Type) }},
		{Name: "Data", Cell: func(s *corev1.Secret) any { return int64(len(s.Data)) }},
		api.AgeColumn[*corev1.Secret](),
	}
}

func serviceAccountColumns() []api.Column[*corev1.ServiceAccount] {
	return []api.Column[*corev1.ServiceAccount]{
		api.AgeColumn[*corev1.ServiceAccount](),
	}
}

func podTemplateColumns() []api.Column[*corev1.PodTemplate] {
	return []api.Column[*corev1.PodTemplate]{
		{Name: "Containers", Cell: func(t *corev1.PodTemplate) any { return ContainerNames(t.Template.Spec.Containers) }},
		{Name: "Images", Cell: func(t *corev1.PodTemplate) any { return Images(t.Template.Spec.Containers) }},
		{Name: "Pod Labels", Cell: func(t *corev1.PodTemplate) any { return labelList(t.Template.Labels) }},
	}
}

func replicationControllerColumns() []api.Column[*corev1.ReplicationController] {
	columns := []api.Column[*corev1.ReplicationController]{
		{Name: "Desired", Type: "integer", Cell: func(r *corev1.ReplicationController) any {
			if r.Spec.Replicas == nil {
				return int64(0)
			}
			return int64(*r.Spec.Replicas)
		}},
		{Name: "Current", Type: "integer", Cell: func(r *corev1.ReplicationController) any { return int64(r.Status.Replicas) }},
		{Name: "Ready", Type: "integer", Cell: func(r *corev1.ReplicationController) any { return int64(r.Status.ReadyReplicas) }},
		api.AgeColumn[*corev1.ReplicationController](),
	}
	columns = append(columns, TemplateColumns(func(r *corev1.ReplicationController) *corev1.PodTemplateSpec { return r.Spec.Template })...)
	return append(columns, api.Column[*corev1.ReplicationController]{Name: "Selector", Priority: 1,
		Cell: func(r *corev1.ReplicationController) any { return labelList(r.Spec.Selector) }})
}

func endpointsColumns() []api.Column[*corev1.Endpoints] {
	return []api.Column[*corev1.Endpoints]{
		{Name: "Endpoints", Cell: func(e *corev1.Endpoints) any { return endpointList(e) }},
		api.AgeColumn[*corev1.Endpoints](),
	}
}

// endpointList shows the first three endpoints and how many more there are.
func endpointList(e *corev1.Endpoints) string {
	const shown = 3
	var list []string
	more := 0
	for i := range e.Subsets {
		s := &e.Subsets[i]
		for _, a := range s.Addresses {
			for j := range max(len(s.Ports), 1) {
				text := a.IP
				if len(s.Ports) > 0 {
					text = net.JoinHostPort(a.IP, strconv.Itoa(int(s.Ports[j].Port)))
				}
				if len(list) == shown {
					more++
					continue
				}
				list = append(list, text)
			}
		}
	}
	text := strings.Join(list, ",")
	if more > 0 {
		return fmt.Sprintf("%s + %d more...", text, more)
	}
	return api.OrNone(text)
}

func componentStatusColumns() []api.Column[*corev1.ComponentStatus] {
	healthy := func(c *corev1.ComponentStatus) (status, message, failure string) {
		for _, condition := range c.Conditions {
			if condition.Type != corev1.ComponentHealthy {
				continue
			}
			switch condition.Status {
			case corev1.ConditionTrue:
				return "Healthy", condition.Message, condition.Error
			case corev1.ConditionFalse:
				return "Unhealthy", condition.Message, condition.Error
			}
			return "Unknown", condition.Message, condition.Error
		}
		return "Unknown", "", ""
	}
	return []api.Column[*corev1.ComponentStatus]{
		{Name: "Status", Cell: func(c *corev1.ComponentStatus) any { s, _, _ := healthy(c); return s }},
		{Name: "Message", Cell: func(c *corev1.ComponentStatus) any { _, m, _ := healthy(c); return m }},
		{Name: "Error", Cell: func(c *corev1.ComponentStatus) any { _, _, e := healthy(c); return e }},
	}
}

func resourceQuotaColumns() []api.Column[*corev1.ResourceQuota] {
	return []api.Column[*corev1.ResourceQuota]{
		{Name: "Request", Cell: func(q *corev1.ResourceQuota) any { return quotaList(q, false) }},
		{Name: "Limit", Cell: func(q *corev1.ResourceQuota) any { return quotaList(q, true) }},
		api.AgeColumn[*corev1.ResourceQuota](),
	}
}

func quotaList(q *corev1.ResourceQuota, limits bool) string {
	var parts []string
	for name, hard := range q.Status.Hard {
		if strings.HasPrefix(string(name), "limits") == limits {
			used := q.Status.Used[name]
			parts = append(parts, fmt.Sprintf("%s: %s/%s", name, used.String(), hard.String()))
		}
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

func deletionPhase(o metav1.Object, phase string) string {
	if o.GetDeletionTimestamp() != nil {
		return "Terminating"
	}
	return phase
}
