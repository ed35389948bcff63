package apiextensions

import (
	"context"
	"fmt"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	schemavalidation "k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Structural returns the structural form of a version's schema (KEP-1693).
func Structural(v *apiextensionsv1.CustomResourceDefinitionVersion) (*structuralschema.Structural, *apiextensions.JSONSchemaProps, error) {
	if v.Schema == nil || v.Schema.OpenAPIV3Schema == nil {
		return &structuralschema.Structural{}, nil, nil
	}
	var internal apiextensions.JSONSchemaProps
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(v.Schema.OpenAPIV3Schema, &internal, nil); err != nil {
		return nil, nil, fmt.Errorf("read the schema of version %s: %w", v.Name, err)
	}
	s, err := structuralschema.NewStructural(&internal)
	if err != nil {
		return nil, nil, fmt.Errorf("read the schema of version %s: %w", v.Name, err)
	}
	return s, &internal, nil
}

// schemaCheck checks one schema:
//
//	root ─ structural form ─ defaults ─ keywords, inside out, and the rules of
//	    what has good ones ─ total cost of the rules
type schemaCheck struct {
	lenient leniency
	// structural tells that the schema must be so, unchanged that it was accepted before.
	structural, unchanged bool
	cost                  totalCost
}

// validate checks the schema at path, if there is one.
func (c *schemaCheck) validate(v *apiextensions.CustomResourceValidation, status bool, path *field.Path) errorList {
	if v == nil {
		return nil
	}
	var errs errorList
	if s := v.OpenAPIV3Schema; s != nil {
		errs = c.validateSchema(s, status, path.Child("openAPIV3Schema"))
	}
	if len(errs) == 0 {
		if _, _, err := schemavalidation.NewSchemaValidator(v.OpenAPIV3Schema); err != nil {
			errs = append(errs, field.Invalid(path, "", "error building validator: "+err.Error()))
		}
	}
	return errs
}

func (c *schemaCheck) validateSchema(s *schemaProps, status bool, path *field.Path) errorList {
	errs := rootForm(s, status, path)
	root := place{root: true}
	var unstructured error
	if c.structural {
		var problems errorList
		root.cel, problems, unstructured = c.shape(s, path)
		errs = append(errs, problems...)
	}
	found := c.form(s, root, path)
	errs = append(append(errs, found.form...), found.rules...)
	if len(errs) == 0 && unstructured != nil { // of which the keywords say more
		errs = append(errs, field.Invalid(path, "", unstructured.Error()))
	}
	return append(errs, c.cost.check(path)...)
}

// shape checks the structural form of a schema and its defaults. If they are good, it
// returns where its rules are compiled; else they are not.
func (c *schemaCheck) shape(s *schemaProps, path *field.Path) (*celPlace, errorList, error) {
	structural, err := structuralschema.NewStructural(s)
	if err != nil {
		return nil, nil, err
	}
	if problems := structuralschema.ValidateStructural(path, structural); len(problems) > 0 {
		return nil, problems, nil
	}
	for _, pruned := range []bool{true, false} {
		problems, err := defaulting.ValidateDefaults(context.Background(), path, structural, true, pruned)
		switch {
		case err != nil:
			return nil, errorList{field.Invalid(path, "", err.Error())}, nil
		case len(problems) == 0:
			return rootPlace(s, structural), nil, nil
		case !pruned || !c.lenient.unpruned():
			return nil, problems, nil
		}
	}
	return nil, nil, nil
}
