package podtolerationrestriction

import corev1 "k8s.io/api/core/v1"

// merge joins two lists without those that another one covers.
func merge(first, second []corev1.Toleration) []corev1.Toleration {
	all := append(append([]corev1.Toleration(nil), first...), second...)
	var out []corev1.Toleration
next:
	for i, t := range all {
		for j, other := range all {
			// Of two that cover each other the first stays.
			if i != j && covers(other, t) && (j < i || !covers(t, other)) {
				continue next
			}
		}
		out = append(out, t)
	}
	return out
}

func coveredByAny(list []corev1.Toleration, t corev1.Toleration) bool {
	for _, one := range list {
		if covers(one, t) {
			return true
		}
	}
	return false
}

// covers tells whether all that t tolerates wide tolerates too, as long.
func covers(wide, t corev1.Toleration) bool {
	if wide.Key != t.Key && (wide.Key != "" || wide.Operator != corev1.TolerationOpExists) {
		return false
	}
	if wide.Effect != "" && wide.Effect != t.Effect {
		return false
	}
	if wide.Effect == corev1.TaintEffectNoExecute && wide.TolerationSeconds != nil &&
		(t.TolerationSeconds == nil || *t.TolerationSeconds > *wide.TolerationSeconds) {
		return false
	}
	switch wide.Operator {
	case corev1.TolerationOpExists:
		return true
	case "", corev1.TolerationOpEqual:
		return (t.Operator == "" || t.Operator == corev1.TolerationOpEqual) && t.Value == wide.Value
	}
	return wide.Operator == t.Operator && wide.Value == t.Value
}
