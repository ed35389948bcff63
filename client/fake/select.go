package fake

import (
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"

	"minke/client"
)

type selection struct {
	labels labels.Selector
	fields fields.Selector
}

func parse(o metav1.ListOptions) (selection, error) {
	l, err := labels.Parse(o.LabelSelector)
	if err != nil {
		return selection{}, apierrors.NewBadRequest(err.Error())
	}
	f, err := fields.ParseSelector(o.FieldSelector)
	if err != nil {
		return selection{}, apierrors.NewBadRequest(err.Error())
	}
	return selection{l, f}, nil
}

func (s selection) matches(obj client.Object) bool {
	return s.labels.Matches(labels.Set(obj.GetLabels())) && s.fields.Matches(client.Fields(obj))
}
