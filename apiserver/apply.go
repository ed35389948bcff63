package apiserver

import (
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/apiserver/patch"
)

// Applier computes server-side apply.
type Applier interface{}

func forceForbidden() error {
	return invalidOptions("PatchOptions", field.ErrorList{field.Forbidden(field.NewPath("force"), "may not be specified for non-apply patch")})
}

var _ = metavalidation.ValidateDryRun

// serverSideApply merges an applied configuration by field ownership.
func (c *call) serverSideApply(_ *writeOptions, _ []byte) error {
	return unsupportedMedia(patch.Media)
}
