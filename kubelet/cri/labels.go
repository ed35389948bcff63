package cri

// Labels on sandboxes and containers. They are what crictl, log collectors and
// metric agents look for.
const (
	LabelPodName       = "io.kubernetes.pod.name"
	LabelPodNamespace  = "io.kubernetes.pod.namespace"
	LabelPodUID        = "io.kubernetes.pod.uid"
	LabelContainerName = "io.kubernetes.container.name"
)

// Annotations on containers: what the kubelet must know of a container that it
// did not start in this life.
const (
	AnnotationHash              = "io.kubernetes.container.hash"
	AnnotationRestartCount      = "io.kubernetes.container.restartCount"
	AnnotationMessagePath       = "io.kubernetes.container.terminationMessagePath"
	AnnotationMessagePolicy     = "io.kubernetes.container.terminationMessagePolicy"
	AnnotationGracePeriod       = "io.kubernetes.pod.terminationGracePeriod"
	AnnotationConfigSource      = "kubernetes.io/config.source"
	AnnotationConfigSeen        = "kubernetes.io/config.seen"
	AnnotationTerminationLogDir = "minke.io/termination-log"
)
