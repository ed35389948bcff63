package options

import (
	"strconv"

	"github.com/spf13/pflag"

	"minke/apiserver/flowcontrol"
)

// Fairness says how requests share the server.
type Fairness struct {
	// Off leaves requests bounded in number alone.
	Off bool `json:"off,omitempty"`
}

func (o *Fairness) addFlags(flags *pflag.FlagSet) {
	flag := flags.VarPF((*negated)(&o.Off), "enable-priority-and-fairness", "",
		"share the server among its clients by flow schemas and priority levels, instead of bounding requests in number alone")
	flag.NoOptDefVal = "true"
}

// negated is a flag that is true by default: the zero value is.
type negated bool

// String implements pflag.Value.
func (n *negated) String() string { return strconv.FormatBool(!bool(*n)) }

// Set implements pflag.Value.
func (n *negated) Set(text string) error {
	v, err := strconv.ParseBool(text)
	*n = negated(!v)
	return err
}

// Type implements pflag.Value.
func (n *negated) Type() string { return "bool" }

// Controller returns what shares the server, or nil.
func (o *Fairness) Controller(reads, writes int) *flowcontrol.Controller {
	if o.Off {
		return nil
	}
	if reads == 0 {
		reads = 400
	}
	if writes == 0 {
		writes = 200
	}
	return flowcontrol.New(flowcontrol.Config{Seats: reads + writes})
}
