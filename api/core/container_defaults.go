package core

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"minke/api"
)

func defaultContainer(c *corev1.Container) {
	api.Fill(&c.ImagePullPolicy, pullPolicy(c.Image))
	api.Fill(&c.TerminationMessagePath, corev1.TerminationMessagePathDefault)
	api.Fill(&c.TerminationMessagePolicy, corev1.TerminationMessageReadFile)
	for i := range c.Ports {
		api.Fill(&c.Ports[i].Protocol, corev1.ProtocolTCP)
	}
	for i := range c.Env {
		from := c.Env[i].ValueFrom
		if from == nil {
			continue
		}
		if from.FieldRef != nil {
			api.Fill(&from.FieldRef.APIVersion, "v1")
		}
		if from.FileKeyRef != nil {
			api.FillPointer(&from.FileKeyRef.Optional, false)
		}
	}
	roundUp(c.Resources.Limits)
	roundUp(c.Resources.Requests)
	defaultProbe(c.LivenessProbe)
	defaultProbe(c.ReadinessProbe)
	defaultProbe(c.StartupProbe)
	if c.Lifecycle != nil {
		defaultHandler(c.Lifecycle.PostStart)
		defaultHandler(c.Lifecycle.PreStop)
	}
}

// pullPolicy is Always for a tag that moves, latest or none, IfNotPresent
// for any other tag or a digest.
func pullPolicy(image string) corev1.PullPolicy {
	name := image[strings.LastIndexByte(image, '/')+1:]
	name, _, digest := strings.Cut(name, "@")
	_, tag, tagged := strings.Cut(name, ":")
	if tag == "latest" || (!tagged && !digest && image != "") {
		return corev1.PullAlways
	}
	return corev1.PullIfNotPresent
}

func defaultProbe(p *corev1.Probe) {
	if p == nil {
		return
	}
	api.Fill(&p.TimeoutSeconds, 1)
	api.Fill(&p.PeriodSeconds, 10)
	api.Fill(&p.SuccessThreshold, 1)
	api.Fill(&p.FailureThreshold, 3)
	defaultHTTPGet(p.HTTPGet)
	if p.GRPC != nil {
		api.FillPointer(&p.GRPC.Service, "")
	}
}

func defaultHandler(h *corev1.LifecycleHandler) {
	if h != nil {
		defaultHTTPGet(h.HTTPGet)
	}
}

func defaultHTTPGet(a *corev1.HTTPGetAction) {
	if a == nil {
		return
	}
	api.Fill(&a.Path, "/")
	api.Fill(&a.Scheme, corev1.URISchemeHTTP)
}

// roundUp rounds quantities up to a thousandth, the finest unit that is kept.
func roundUp(list corev1.ResourceList) {
	for name, quantity := range list {
		if !quantity.RoundUp(resource.Milli) {
			list[name] = quantity
		}
	}
}

// IsSidecar tells whether an init container keeps running beside the main ones
// (KEP-753).
func IsSidecar(c *corev1.Container) bool {
	return c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
}
