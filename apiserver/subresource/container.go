package subresource

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// defaultContainer is the annotation that names the container which commands
// are meant for when they do not say.
const defaultContainer = "kubectl.kubernetes.io/default-container"

// containerOf returns the container that a request means, given its name or
// none.
func containerOf(pod *corev1.Pod, name string) (string, error) {
	regular := names(pod.Spec.Containers)
	initial := names(pod.Spec.InitContainers)
	var ephemeral []string
	for _, c := range pod.Spec.EphemeralContainers {
		ephemeral = append(ephemeral, c.Name)
	}
	if name != "" {
		for _, list := range [][]string{regular, initial, ephemeral} {
			for _, n := range list {
				if n == name {
					return name, nil
				}
			}
		}
		return "", apierrors.NewBadRequest(fmt.Sprintf("container %s is not valid for pod %s", name, pod.Name))
	}
	if chosen := pod.Annotations[defaultContainer]; chosen != "" {
		for _, n := range regular {
			if n == chosen {
				return n, nil
			}
		}
	}
	switch len(regular) {
	case 1:
		return regular[0], nil
	case 0:
		return "", apierrors.NewBadRequest(fmt.Sprintf("a container name must be specified for pod %s", pod.Name))
	}
	text := fmt.Sprintf("a container name must be specified for pod %s, choose one of: [%s]", pod.Name, strings.Join(regular, " "))
	if len(initial) > 0 {
		text += fmt.Sprintf(" or one of the init containers: [%s]", strings.Join(initial, " "))
	}
	if len(ephemeral) > 0 {
		text += fmt.Sprintf(" or one of the ephemeral containers: [%s]", strings.Join(ephemeral, " "))
	}
	return "", apierrors.NewBadRequest(text)
}

func names(containers []corev1.Container) []string {
	var out []string
	for _, c := range containers {
		out = append(out, c.Name)
	}
	return out
}
