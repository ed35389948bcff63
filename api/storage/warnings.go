package storage

import (
	"fmt"

	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api/core"
)

func storageClassWarnings(c, _ *storagev1.StorageClass) []string {
	var all []string
	for i, term := range c.AllowedTopologies {
		for j, r := range term.MatchLabelExpressions {
			if text, ok := core.ReplacedLabel(r.Key); ok {
				at := field.NewPath("allowedTopologies").Index(i).Child("matchLabelExpressions").Index(j).Child("key")
				all = append(all, fmt.Sprintf("%s: %s is %s", at, r.Key, text))
			}
		}
	}
	return all
}

func capacityWarnings(c, _ *storagev1.CSIStorageCapacity) []string {
	return core.LabelSelectorWarnings(c.NodeTopology, field.NewPath("nodeTopology"))
}

// csiDriverWarnings advises to hand tokens over as secrets, when it is asked for
// other tokens than before (KEP-5538).
func csiDriverWarnings(d, old *storagev1.CSIDriver) []string {
	if len(d.Spec.TokenRequests) == 0 || d.Spec.ServiceAccountTokenInSecrets != nil {
		return nil
	}
	if old != nil && equality.Semantic.DeepEqual(d.Spec.TokenRequests, old.Spec.TokenRequests) {
		return nil
	}
	return []string{"spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible logging of tokens in volume attributes"}
}
