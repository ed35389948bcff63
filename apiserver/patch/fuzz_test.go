package patch

import (
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
)

// FuzzPatch: no patch panics, and each failure is a status.
func FuzzPatch(f *testing.F) {
	kinds := []types.PatchType{types.JSONPatchType, types.MergePatchType, types.StrategicMergePatchType}
	for _, seed := range []string{
		`[{"op":"add","path":"/metadata/labels","value":{"a":"b"}},{"op":"move","from":"/a","path":"/b/-"}]`,
		`[{"op":"copy","from":"","path":"/metadata/annotations"}]`,
		`{"metadata":{"labels":{"a":null}},"spec":{"containers":[{"name":"c","image":"i"}]}}`,
		`{"spec":{"containers":[{"$patch":"delete","name":"c"}],"$setElementOrder/containers":[{"name":"c"}],"$retainKeys":["containers"]}}`,
		`{"spec":{"$deleteFromPrimitiveList/a":[1],"tolerations":[{"$patch":"replace"}]}}`,
		`null`, `[]`, `{"$patch":"replace"}`,
	} {
		for kind := range kinds {
			f.Add([]byte(seed), []byte(`{"kind":"Pod","apiVersion":"v1","metadata":{"name":"p"},"spec":{"containers":[{"name":"c"}]}}`), kind)
		}
	}
	f.Fuzz(func(t *testing.T, patch, original []byte, kind int) {
		_, err := Apply(kinds[uint(kind)%uint(len(kinds))], original, patch, &corev1.Pod{})
		var status apierrors.APIStatus
		if err != nil && !errors.As(err, &status) {
			t.Errorf("%v is no status", err)
		}
	})
}
