package resource

import (
	"math"
	"strings"

	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// claim is what the checks of a claim's requests share.
type claim struct {
	features
	// constrained are the attributes that constraints name, by the request
	// ("NAME" or "NAME/ALTERNATIVE") that they are about; "" is every request.
	constrained map[string]sets.Set[string]
	// cost is that of all derived attributes together.
	cost uint64
}

func newClaim(f features, constraints []resourcev1.DeviceConstraint) *claim {
	c := &claim{features: f, constrained: map[string]sets.Set[string]{}}
	for _, k := range constraints {
		name := k.MatchAttribute
		if name == nil {
			name = k.DistinctAttribute
		}
		if name == nil {
			continue
		}
		requests := k.Requests
		if len(requests) == 0 {
			requests = []string{""}
		}
		for _, r := range requests {
			if c.constrained[r] == nil {
				c.constrained[r] = sets.New[string]()
			}
			c.constrained[r].Insert(string(*name))
		}
	}
	return c
}

// names tells whether a constraint on the request, on the one that it is an
// alternative of, or on all, names the attribute.
func (c *claim) names(attribute, request string) bool {
	parent, _, _ := strings.Cut(request, "/")
	return c.constrained[""].Has(attribute) || c.constrained[request].Has(attribute) || c.constrained[parent].Has(attribute)
}

// derived checks attributes that are computed for constraints (KEP-6080).
func (c *claim) derived(all []resourcev1.DeviceDerivedAttribute, request string, path *field.Path) field.ErrorList {
	return distinct(all, resourcev1.DeviceDerivedAttributesMaxSize, func(d *resourcev1.DeviceDerivedAttribute, at *field.Path) field.ErrorList {
		var errs field.ErrorList
		name := at.Child("name")
		switch {
		case d.Name == "":
			errs = append(errs, field.Required(name, ""))
		default:
			errs = append(errs, fullyQualifiedName(&d.Name, name)...)
			if !c.names(string(d.Name), request) {
				errs = append(errs, field.Invalid(name, d.Name, "must be referenced by at least one matchAttribute or distinctAttribute constraint targeting this request"))
			}
		}
		if d.Expression == "" {
			return append(errs, field.Required(at.Child("expression"), ""))
		}
		cost, more := c.expression(d.Expression, deriving, at.Child("expression"))
		if c.cost += cost; c.cost < cost {
			c.cost = math.MaxUint64
		}
		return append(errs, more...)
	}, func(d *resourcev1.DeviceDerivedAttribute) string { return string(d.Name) }, path)
}

// affordable bounds what the derived attributes cost together.
func (c *claim) affordable(path *field.Path) field.ErrorList {
	if c.cost <= resourcev1.DeviceClaimDerivedAttributeCELMaxCost {
		return nil
	}
	return field.ErrorList{field.Forbidden(path, "too complex, total cost of derived attribute CEL expressions in the claim exceeds cost limit")}
}
