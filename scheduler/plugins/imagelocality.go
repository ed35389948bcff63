package plugins

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	"minke/scheduler/cluster"
)

// Below and above these sizes, for each container, images do not matter and do
// not matter more.
const (
	imagesMin = 23 << 20
	imagesMax = 1000 << 20
)

// ImageLocality favours nodes that have the pod's images already.
type ImageLocality struct{}

// Name implements Plugin.
func (ImageLocality) Name() string { return "ImageLocality" }

// Weight implements Scorer.
func (ImageLocality) Weight() int64 { return 1 }

// Score implements Scorer. An image counts less the fewer nodes have it, so
// that pods do not all heap up on the one that was first.
func (ImageLocality) Score(_ *cluster.Snapshot, pod *cluster.Pod, nodes []*cluster.Node, scores []int64) bool {
	containers := int64(len(pod.Spec.Containers) + len(pod.Spec.InitContainers))
	any := false
	add := func(c *corev1.Container) {
		name := imageName(c.Image)
		have := int64(0)
		for _, node := range nodes {
			if node.ImageSizes[name] > 0 {
				have++
			}
		}
		for i, node := range nodes {
			if size := node.ImageSizes[name]; size > 0 {
				scores[i] += size * have / int64(len(nodes))
				any = true
			}
		}
	}
	for i := range pod.Spec.Containers {
		add(&pod.Spec.Containers[i])
	}
	for i := range pod.Spec.InitContainers {
		add(&pod.Spec.InitContainers[i])
	}
	for i, sum := range scores {
		largest := imagesMax * containers
		sum = min(max(sum, imagesMin), largest)
		scores[i] = MaxScore * (sum - imagesMin) / (largest - imagesMin)
	}
	return any
}

// imageName adds the tag that a name without one has.
func imageName(name string) string {
	if strings.LastIndex(name, ":") <= strings.LastIndex(name, "/") {
		return name + ":latest"
	}
	return name
}
