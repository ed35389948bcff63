package apiregistration

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/managedfields"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"minke/api"
)

type service = apiregistrationv1.APIService

func apiServices() *api.Resource {
	return api.Definition[*service]{
		Kind:             apiregistrationv1.SchemeGroupVersion.WithKind("APIService"),
		Plural:           "apiservices",
		Categories:       []string{"api-extensions"},
		Cluster:          true,
		New:              api.New[service],
		NewList:          api.NewList[apiregistrationv1.APIServiceList],
		Default:          apiregistrationv1.SetObjectDefaults_APIService,
		NameRule:         nameRule,
		PrepareForCreate: prepareForCreate,
		PrepareForUpdate: func(s, old *service) { s.Status = old.Status },
		Subresources: map[string]api.Subresource[*service]{
			"status": {Prepare: prepareStatus, ValidateUpdate: func(s, _ *service) errorList { return validateStatus(s) }},
		},
		Validate:              validate,
		ValidateUpdate:        func(s, _ *service) errorList { return validate(s) },
		Columns:               columns(),
		ConditionalUpdateOnly: true,
		// client-go has no merge schema for it. Its lists are conditions, which
		// nobody applies.
		Merging: managedfields.NewDeducedTypeConverter(),
	}.Resource()
}

// prepareForCreate makes a group version of this server available at once.
func prepareForCreate(s *service) {
	s.Status = apiregistrationv1.APIServiceStatus{}
	if s.Spec.Service == nil {
		SetCondition(s, LocalCondition())
	}
}

// prepareStatus lets the status subresource change nothing but the status.
func prepareStatus(s, old *service) {
	s.Spec = old.Spec
	api.KeepMetadata(s, old)
}

// LocalCondition is the one of group versions that this server serves itself.
func LocalCondition() apiregistrationv1.APIServiceCondition {
	return apiregistrationv1.APIServiceCondition{
		Type: apiregistrationv1.Available, Status: apiregistrationv1.ConditionTrue,
		Reason: "Local", Message: "Local APIServices are always available",
	}
}

// SetCondition adds a condition or changes the one of its type. The time of
// transition is that of the last change of its status.
func SetCondition(s *service, to apiregistrationv1.APIServiceCondition) {
	to.LastTransitionTime = metav1.Now().Rfc3339Copy()
	for i := range s.Status.Conditions {
		c := &s.Status.Conditions[i]
		if c.Type != to.Type {
			continue
		}
		if c.Status == to.Status {
			to.LastTransitionTime = c.LastTransitionTime
		}
		*c = to
		return
	}
	s.Status.Conditions = append(s.Status.Conditions, to)
}

// Available returns the condition of that type; Unknown when there is none.
func Available(s *service) apiregistrationv1.APIServiceCondition {
	for _, c := range s.Status.Conditions {
		if c.Type == apiregistrationv1.Available {
			return c
		}
	}
	return apiregistrationv1.APIServiceCondition{Type: apiregistrationv1.Available, Status: apiregistrationv1.ConditionUnknown}
}

func columns() []api.Column[*service] {
	return []api.Column[*service]{
		{Name: "Service", Description: "The reference to the service that hosts this API endpoint.", Cell: func(s *service) any {
			if s.Spec.Service == nil {
				return "Local"
			}
			return s.Spec.Service.Namespace + "/" + s.Spec.Service.Name
		}},
		{Name: "Available", Description: "Whether this service is available.", Cell: func(s *service) any {
			c := Available(s)
			if c.Status == apiregistrationv1.ConditionTrue || c.Reason == "" {
				return string(c.Status)
			}
			return string(c.Status) + " (" + c.Reason + ")"
		}},
		api.AgeColumn[*service](),
	}
}
