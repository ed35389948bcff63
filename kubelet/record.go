package kubelet

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
)

// Record records an event about a pod, or about one of its containers.
func (k *Kubelet) Record(pod *corev1.Pod, container, kind, reason, message string) {
	if pod.Name == "" {
		return // an orphan of which only the UID is known
	}
	ref := corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID, ResourceVersion: pod.ResourceVersion}
	if container != "" {
		ref.FieldPath = fieldPath(pod, container)
	}
	k.recorder.EventFor(ref, kind, reason, "%s", shown(message))
}

func fieldPath(pod *corev1.Pod, container string) string {
	in := func(list []corev1.Container) bool {
		for i := range list {
			if list[i].Name == container {
				return true
			}
		}
		return false
	}
	switch {
	case in(pod.Spec.Containers):
		return "spec.containers{" + container + "}"
	case in(pod.Spec.InitContainers):
		return "spec.initContainers{" + container + "}"
	}
	return "spec.ephemeralContainers{" + container + "}"
}

// maxEventText bounds an event's message, bytes.
const maxEventText = 4 << 10

// shown makes a text fit for an event. Much of it comes from containers: what
// a probe printed, how a program failed. Terminals and pages show events, so
// characters that steer a terminal or turn the direction of writing are spelt
// out.
func shown(text string) string {
	var b strings.Builder
	for _, c := range strings.ToValidUTF8(text, "\uFFFD") {
		if b.Len() > maxEventText-utf8.UTFMax {
			b.WriteString("…")
			break
		}
		switch {
		case c == '\n' || c == '\t':
			b.WriteRune(c)
		case unicode.In(c, unicode.Cc, unicode.Bidi_Control):
			fmt.Fprintf(&b, "\\u%04x", c)
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}
