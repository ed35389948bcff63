package cluster

import (
	"net/netip"

	"minke/apiserver/admission"
	"minke/apiserver/admission/certificates"
	"minke/apiserver/admission/defaultingressclass"
	"minke/apiserver/admission/defaultstorageclass"
	"minke/apiserver/admission/defaulttolerationseconds"
	"minke/apiserver/admission/externalips"
	"minke/apiserver/admission/limitranger"
	"minke/apiserver/admission/namespacelifecycle"
	"minke/apiserver/admission/noderestriction"
	"minke/apiserver/admission/priority"
	"minke/apiserver/admission/resourcequota"
	"minke/apiserver/admission/runtimeclass"
	"minke/apiserver/admission/serviceaccount"
	"minke/apiserver/admission/storageobjectinuseprotection"
	"minke/apiserver/admission/taintnodesbycondition"
	"minke/apiserver/allocate"
	"minke/apiserver/authz"
)

// newAdmission returns the plug-ins in the order in which they run: first what
// refuses cheaply, last what spends a scarce good.
func newAdmission(stored *objects, sec *security, serviceNet netip.Prefix) (admission.Chain, *allocate.Allocator, error) {
	allocator, err := allocate.New(allocate.Config{Ranges: []netip.Prefix{serviceNet}, Source: stored})
	if err != nil {
		return nil, nil, err
	}
	return admission.Chain{
		&namespacelifecycle.Plugin{Reader: stored},
		&noderestriction.Plugin{Reader: stored},
		&limitranger.Plugin{Reader: stored},
		&serviceaccount.Plugin{Source: stored},
		&taintnodesbycondition.Plugin{},
		&priority.Plugin{Reader: stored},
		&runtimeclass.Plugin{Reader: stored},
		&defaulttolerationseconds.Plugin{},
		&defaultstorageclass.Plugin{Reader: stored},
		&defaultingressclass.Plugin{Reader: stored},
		&storageobjectinuseprotection.Plugin{},
		&authz.Escalation{RBAC: sec.rbac, Authorizer: sec.authorizer},
		certificates.Plugin{Authorizer: sec.authorizer},
		&externalips.Plugin{},
		allocator,
		&resourcequota.Plugin{Reader: stored, Updater: stored},
	}, allocator, nil
}
