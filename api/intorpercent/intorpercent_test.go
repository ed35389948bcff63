package intorpercent

import (
	"math"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func TestValidate(t *testing.T) {
	const (
		negative = "must be greater than or equal to 0"
		form     = "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')"
		tooMuch  = "must not be greater than 100%"
	)
	number := func(n int32) *intstr.IntOrString { return new(intstr.FromInt32(n)) }
	text := func(s string) *intstr.IntOrString { return new(intstr.FromString(s)) }
	for name, test := range map[string]struct {
		in    *intstr.IntOrString
		value int
		// says is what Validate and then NotMoreThanAll say of it.
		says []string
	}{
		"nothing":              {nil, 0, nil},
		"a number":             {number(7), 7, nil},
		"a number above 100":   {number(101), 101, nil},
		"a negative number":    {number(-1), -1, []string{negative}},
		"all":                  {text("100%"), 100, nil},
		"none":                 {text("0%"), 0, nil},
		"more than all":        {text("101%"), 101, []string{tooMuch}},
		"more than an int":     {text("99999999999999999999%"), math.MaxInt, []string{tooMuch}},
		"no sign":              {text("130"), 130, []string{form}},
		"no digits":            {text("%"), 0, []string{form}},
		"a negative percent":   {text("-5%"), 0, []string{form}},
		"a fraction":           {text("0.5%"), 0, []string{form}},
		"a sign and something": {text("5%%"), 0, []string{form}},
		"no text":              {text(""), 0, []string{form}},
	} {
		t.Run(name, func(t *testing.T) {
			path := field.NewPath("spec", "maxUnavailable")
			var says []string
			for _, err := range append(Validate(test.in, path), NotMoreThanAll(test.in, path)...) {
				if err.Type != field.ErrorTypeInvalid || err.Field != path.String() {
					t.Errorf("wanted an invalid value at %s, got %v", path, err)
				}
				says = append(says, err.Detail)
			}
			if !slices.Equal(says, test.says) {
				t.Errorf("says %q, wanted %q", says, test.says)
			}
			if value := Value(test.in); value != test.value {
				t.Errorf("value %d, wanted %d", value, test.value)
			}
		})
	}
}
