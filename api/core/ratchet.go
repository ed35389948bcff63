package core

import "k8s.io/apimachinery/pkg/util/validation/field"

// rule is a rule that is younger than the field it is about: an object that
// broke it before may go on to, so that it can still be changed otherwise.
type rule uint32

const (
	ruleDeletionCost rule = 1 << iota
	ruleSelectorValues
	ruleHugePagesDivide
	ruleSpreadSelector
	ruleTokenPath
	ruleHostSysctls
	ruleNodeAffinityValues
	ruleInitResizeRestart
	ruleUsersVolumeDevices
	ruleImageReference
	ruleMatchLabelKeys
)

// ratchet knows which of these rules an object breaks, and which it may break.
type ratchet struct{ broken, waived rule }

// since returns errs, which say that the rule is broken, unless it may be.
func (r *ratchet) since(rule rule, errs field.ErrorList) field.ErrorList {
	if len(errs) == 0 || r.waived&rule != 0 {
		return nil
	}
	r.broken |= rule
	return errs
}
