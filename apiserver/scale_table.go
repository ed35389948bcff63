package apiserver

import (
	"net/http"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"minke/api"
	"minke/apiserver/codec"
	"minke/store/cache"
)

// writeScale answers with the item's Scale, in the form that the client asks for.
func (c *call) writeScale(item *cache.Item) error {
	scale := c.scaleOf(item.Object().(api.Object))
	switch c.accepted.As {
	case "Table":
		return c.writeScaleTable(scale)
	case "PartialObjectMetadata":
		partial, err := partialOf(scale)
		if err != nil {
			return err
		}
		return c.writeObject(http.StatusOK, partial, partial.GroupVersionKind())
	case "PartialObjectMetadataList":
		return notAcceptable("you requested PartialObjectMetadataList, but the requested object is not a list (*v1.Scale)")
	}
	return c.writeObject(http.StatusOK, scale, scaleKind)
}

func (c *call) writeScaleTable(scale *autoscalingv1.Scale) error {
	include, err := c.includes()
	if err != nil {
		return err
	}
	row := metav1.TableRow{Cells: []any{scale.Name, scale.Spec.Replicas, scale.Status.Replicas, age(scale.CreationTimestamp)}}
	var shown runtime.Object
	switch include {
	case metav1.IncludeMetadata:
		partial, err := partialOf(scale)
		if err != nil {
			return err
		}
		partial.APIVersion = "meta.k8s.io/" + c.accepted.AsVersion
		shown = partial
	case metav1.IncludeObject:
		shown = scale
	}
	if shown != nil {
		if row.Object.Raw, err = codec.EncodeJSON(shown); err != nil {
			return err
		}
	}
	return c.writeAsTable(http.StatusOK, &metav1.Table{
		TypeMeta:          metav1.TypeMeta{Kind: "Table", APIVersion: "meta.k8s.io/" + c.accepted.AsVersion},
		ListMeta:          metav1.ListMeta{ResourceVersion: scale.ResourceVersion},
		ColumnDefinitions: c.scaleColumns(),
		Rows:              []metav1.TableRow{row},
	})
}

// scaleColumns are those of a Scale: of the custom resources' own words, or of the
// built-in printer's.
func (c *call) scaleColumns() []metav1.TableColumnDefinition {
	name, age := nameColumn, metav1.TableColumnDefinition{Name: "Age", Type: "date", Description: ageColumn.Description}
	desired, available := "Number of desired replicas", "Number of actual replicas"
	if c.end.use == nil {
		name.Format, age.Type = "", "string"
		desired, available = autoscalingv1.ScaleSpec{}.SwaggerDoc()["replicas"], autoscalingv1.ScaleStatus{}.SwaggerDoc()["replicas"]
	}
	return []metav1.TableColumnDefinition{name,
		{Name: "Desired", Type: "integer", Description: desired}, {Name: "Available", Type: "integer", Description: available}, age}
}
