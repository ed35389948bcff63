package core

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func (v *specCheck) probes(c *corev1.Container, path *field.Path) field.ErrorList {
	errs := v.probe(c.LivenessProbe, path.Child("livenessProbe"))
	errs = append(errs, oneSuccess(c.LivenessProbe, path.Child("livenessProbe"))...)
	errs = append(errs, v.probe(c.ReadinessProbe, path.Child("readinessProbe"))...)
	if p := c.ReadinessProbe; p != nil && p.TerminationGracePeriodSeconds != nil {
		errs = append(errs, field.Invalid(path.Child("readinessProbe", "terminationGracePeriodSeconds"), p.TerminationGracePeriodSeconds, "must not be set for readinessProbes"))
	}
	errs = append(errs, v.probe(c.StartupProbe, path.Child("startupProbe"))...)
	return append(errs, oneSuccess(c.StartupProbe, path.Child("startupProbe"))...)
}

func oneSuccess(p *corev1.Probe, path *field.Path) field.ErrorList {
	if p != nil && p.SuccessThreshold != 1 {
		return field.ErrorList{field.Invalid(path.Child("successThreshold"), p.SuccessThreshold, "must be 1")}
	}
	return nil
}

func (v *specCheck) probe(p *corev1.Probe, path *field.Path) field.ErrorList {
	if p == nil {
		return nil
	}
	errs := v.handler(handler{p.Exec, p.HTTPGet, p.TCPSocket, p.GRPC, nil}, path)
	for _, n := range []struct {
		name  string
		value int32
	}{
		{"initialDelaySeconds", p.InitialDelaySeconds}, {"timeoutSeconds", p.TimeoutSeconds}, {"periodSeconds", p.PeriodSeconds},
		{"successThreshold", p.SuccessThreshold}, {"failureThreshold", p.FailureThreshold},
	} {
		errs = append(errs, notNegative(int64(n.value), path.Child(n.name))...)
	}
	if s := p.TerminationGracePeriodSeconds; s != nil && *s <= 0 {
		errs = append(errs, field.Invalid(path.Child("terminationGracePeriodSeconds"), *s, "must be greater than 0"))
	}
	return errs
}

func (v *specCheck) lifecycle(l *corev1.Lifecycle, path *field.Path) field.ErrorList {
	if l == nil {
		return nil
	}
	var errs field.ErrorList
	if h := l.PostStart; h != nil {
		errs = append(errs, v.handler(handler{h.Exec, h.HTTPGet, h.TCPSocket, nil, h.Sleep}, path.Child("postStart"))...)
	}
	if h := l.PreStop; h != nil {
		errs = append(errs, v.handler(handler{h.Exec, h.HTTPGet, h.TCPSocket, nil, h.Sleep}, path.Child("preStop"))...)
	}
	if l.StopSignal != nil {
		errs = append(errs, stopSignal(*l.StopSignal, v.spec.OS, path.Child("stopSignal"))...)
	}
	return errs
}

// stopSignal checks a signal of the pod's operating system, which must be named
// (KEP-4960).
func stopSignal(signal corev1.Signal, os *corev1.PodOS, path *field.Path) field.ErrorList {
	switch {
	case os == nil:
		return field.ErrorList{field.Forbidden(path, "may not be set for containers with empty `spec.os.name`")}
	case os.Name == corev1.Windows:
		return oneOf(path, signal, corev1.SIGKILL, corev1.SIGTERM)
	case os.Name == corev1.Linux:
		return oneOf(path, signal, linuxSignals...)
	}
	return nil
}

var linuxSignals = []corev1.Signal{
	corev1.SIGABRT, corev1.SIGALRM, corev1.SIGBUS, corev1.SIGCHLD, corev1.SIGCLD, corev1.SIGCONT, corev1.SIGFPE, corev1.SIGHUP,
	corev1.SIGILL, corev1.SIGINT, corev1.SIGIO, corev1.SIGIOT, corev1.SIGKILL, corev1.SIGPIPE, corev1.SIGPOLL, corev1.SIGPROF,
	corev1.SIGPWR, corev1.SIGQUIT, corev1.SIGRTMAX, corev1.SIGRTMAXMINUS1, corev1.SIGRTMAXMINUS10, corev1.SIGRTMAXMINUS11,
	corev1.SIGRTMAXMINUS12, corev1.SIGRTMAXMINUS13, corev1.SIGRTMAXMINUS14, corev1.SIGRTMAXMINUS2, corev1.SIGRTMAXMINUS3,
	corev1.SIGRTMAXMINUS4, corev1.SIGRTMAXMINUS5, corev1.SIGRTMAXMINUS6, corev1.SIGRTMAXMINUS7, corev1.SIGRTMAXMINUS8,
	corev1.SIGRTMAXMINUS9, corev1.SIGRTMIN, corev1.SIGRTMINPLUS1, corev1.SIGRTMINPLUS10, corev1.SIGRTMINPLUS11, corev1.SIGRTMINPLUS12,
	corev1.SIGRTMINPLUS13, corev1.SIGRTMINPLUS14, corev1.SIGRTMINPLUS15, corev1.SIGRTMINPLUS2, corev1.SIGRTMINPLUS3, corev1.SIGRTMINPLUS4,
	corev1.SIGRTMINPLUS5, corev1.SIGRTMINPLUS6, corev1.SIGRTMINPLUS7, corev1.SIGRTMINPLUS8, corev1.SIGRTMINPLUS9, corev1.SIGSEGV,
	corev1.SIGSTKFLT, corev1.SIGSTOP, corev1.SIGSYS, corev1.SIGTERM, corev1.SIGTRAP, corev1.SIGTSTP, corev1.SIGTTIN, corev1.SIGTTOU,
	corev1.SIGURG, corev1.SIGUSR1, corev1.SIGUSR2, corev1.SIGVTALRM, corev1.SIGWINCH, corev1.SIGXCPU, corev1.SIGXFSZ,
}

// handler is what a probe or a lifecycle hook does: one of these.
type handler struct {
	exec  *corev1.ExecAction
	http  *corev1.HTTPGetAction
	tcp   *corev1.TCPSocketAction
	grpc  *corev1.GRPCAction
	sleep *corev1.SleepAction
}

func (v *specCheck) handler(h handler, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	some := false
	for _, action := range []source{
		{"exec", h.exec != nil, func(p *field.Path) field.ErrorList {
			if len(h.exec.Command) == 0 {
				return field.ErrorList{field.Required(p.Child("command"), "")}
			}
			return nil
		}},
		{"httpGet", h.http != nil, func(p *field.Path) field.ErrorList { return validateHTTPGet(h.http, p) }},
		{"tcpSocket", h.tcp != nil, func(p *field.Path) field.ErrorList { return portOrName(h.tcp.Port, p.Child("port")) }},
		{"grpc", h.grpc != nil, func(p *field.Path) field.ErrorList {
			errs := portNumber(h.grpc.Port, p.Child("port"))
			if m := h.grpc.Mode; m != nil {
				errs = append(errs, oneOf(p.Child("mode"), *m, corev1.GRPCProbeModePlaintext, corev1.GRPCProbeModeTLS)...)
			}
			return errs
		}},
		{"sleep", h.sleep != nil, func(p *field.Path) field.ErrorList { return v.sleep(h.sleep.Seconds, p) }},
	} {
		switch {
		case !action.set:
		case some:
			errs = append(errs, field.Forbidden(path.Child(action.name), "may not specify more than 1 handler type"))
		default:
			some = true
			errs = append(errs, action.check(path.Child(action.name))...)
		}
	}
	if !some {
		errs = append(errs, field.Required(path, "must specify a handler type"))
	}
	return errs
}

// sleep requires that a hook's sleep ends within the pod's grace.
func (v *specCheck) sleep(seconds int64, path *field.Path) field.ErrorList {
	if grace := v.spec.TerminationGracePeriodSeconds; grace != nil && (seconds < 0 || seconds > *grace) {
		return field.ErrorList{field.Invalid(path, seconds, fmt.Sprintf("must be non-negative and less than terminationGracePeriodSeconds (%d)", *grace))}
	}
	return nil
}

func validateHTTPGet(a *corev1.HTTPGetAction, path *field.Path) field.ErrorList {
	errs := required(path.Child("path"), a.Path)
	errs = append(errs, portOrName(a.Port, path.Child("port"))...)
	errs = append(errs, oneOf(path.Child("scheme"), a.Scheme, corev1.URISchemeHTTP, corev1.URISchemeHTTPS)...)
	for _, header := range a.HTTPHeaders {
		for _, msg := range validation.IsHTTPHeaderName(header.Name) {
			errs = append(errs, field.Invalid(path.Child("httpHeaders"), header.Name, msg))
		}
	}
	if p := a.Protocol; p != nil {
		unknown := oneOf(path.Child("protocol"), *p, corev1.HTTPProtocolHTTP1, corev1.HTTPProtocolHTTP2)
		switch {
		case len(unknown) > 0:
			errs = append(errs, unknown...)
		case *p == corev1.HTTPProtocolHTTP2 && a.Scheme != corev1.URISchemeHTTP:
			errs = append(errs, field.Invalid(path.Child("protocol"), *p, "is only supported with HTTP (H2C)"))
		case *p == corev1.HTTPProtocolHTTP2 && a.Host != "":
			errs = append(errs, field.Invalid(path.Child("host"), a.Host, "must be empty when `protocol` is \"HTTP2\""))
		}
	}
	return errs
}

func portOrName(port intstr.IntOrString, path *field.Path) field.ErrorList {
	if port.Type == intstr.Int {
		return portNumber(port.IntVal, path)
	}
	var errs field.ErrorList
	for _, msg := range validation.IsValidPortName(port.StrVal) {
		errs = append(errs, field.Invalid(path, port.StrVal, msg))
	}
	return errs
}
