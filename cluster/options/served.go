package options

import (
	"github.com/spf13/pflag"

	"minke/api"
	"minke/api/catalog"
	"minke/api/feature"
)

// served are the options that decide what of the API is there.
type served struct {
	// FeatureGates are NAME=true|false, separated by commas.
	FeatureGates gatesFlag `json:"featureGates,omitempty"`
	// RuntimeConfig is KEY=true|false, separated by commas: api/all, api/ga,
	// api/beta, api/alpha, GROUP/VERSION or GROUP/VERSION/RESOURCE.
	RuntimeConfig choiceFlag `json:"runtimeConfig,omitempty"`
}

func (o *served) addFlags(flags *pflag.FlagSet) {
	flags.Var(&o.FeatureGates, "feature-gates", "features to turn on or off, as NAME=true|false, separated by commas")
	flags.Var(&o.RuntimeConfig, "runtime-config", "API versions to turn on or off, as KEY=true|false, separated by commas; "+
		"a key is api/all, api/ga, api/beta, api/alpha, GROUP/VERSION or GROUP/VERSION/RESOURCE")
}

// Resources lists what is served, and the gates that are set.
func (o *served) Resources() ([]*api.Resource, feature.Gates, error) {
	gates, err := feature.Parse(string(o.FeatureGates))
	if err != nil {
		return nil, nil, err
	}
	choice, err := catalog.ParseChoice(string(o.RuntimeConfig))
	if err != nil {
		return nil, nil, err
	}
	return catalog.Serve(choice, gates), gates, nil
}

// gatesFlag and choiceFlag are kept as they were written, and refused at once
// when they say nothing that makes sense.
type (
	gatesFlag  string
	choiceFlag string
)

func (f *gatesFlag) String() string { return string(*f) }

// Type names the value in the flag's help.
func (f *gatesFlag) Type() string { return "gates" }

// Set adds to what earlier flags said.
func (f *gatesFlag) Set(text string) error {
	if *f != "" {
		text = string(*f) + "," + text
	}
	_, err := feature.Parse(text)
	*f = gatesFlag(text)
	return err
}

func (f *choiceFlag) String() string { return string(*f) }

// Type names the value in the flag's help.
func (f *choiceFlag) Type() string { return "versions" }

// Set adds to what earlier flags said.
func (f *choiceFlag) Set(text string) error {
	if *f != "" {
		text = string(*f) + "," + text
	}
	_, err := catalog.ParseChoice(text)
	*f = choiceFlag(text)
	return err
}
