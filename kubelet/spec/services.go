package spec

import (
	"fmt"
	"net"
	"sort"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// serviceEnv returns the variables that tell a container of the services that
// existed when it started: those of its namespace when it wants service links,
// and always the API server's.
func (b *Builder) serviceEnv(pod *corev1.Pod) []corev1.EnvVar {
	if b.Services == nil {
		return nil
	}
	links := pod.Spec.EnableServiceLinks == nil || *pod.Spec.EnableServiceLinks
	chosen := map[string]*corev1.Service{}
	for _, s := range b.Services(metav1.NamespaceDefault) {
		if s.Name == "kubernetes" {
			chosen[s.Name] = s
		}
	}
	if links {
		for _, s := range b.Services(pod.Namespace) {
			chosen[s.Name] = s
		}
	}
	names := make([]string, 0, len(chosen))
	for name, s := range chosen {
		if s.Spec.ClusterIP != "" && s.Spec.ClusterIP != corev1.ClusterIPNone && len(s.Spec.Ports) > 0 {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	var env []corev1.EnvVar
	for _, name := range names {
		env = append(env, envOfService(chosen[name])...)
	}
	return env
}

func envName(s string) string { return strings.ToUpper(strings.ReplaceAll(s, "-", "_")) }

func envOfService(s *corev1.Service) []corev1.EnvVar {
	prefix, ip := envName(s.Name), s.Spec.ClusterIP
	port := func(n int32) string { return strconv.Itoa(int(n)) }
	env := []corev1.EnvVar{
		{Name: prefix + "_SERVICE_HOST", Value: ip},
		{Name: prefix + "_SERVICE_PORT", Value: port(s.Spec.Ports[0].Port)},
	}
	for _, p := range s.Spec.Ports {
		if p.Name != "" {
			env = append(env, corev1.EnvVar{Name: prefix + "_SERVICE_PORT_" + envName(p.Name), Value: port(p.Port)})
		}
	}
	for i, p := range s.Spec.Ports {
		protocol := string(corev1.ProtocolTCP)
		if p.Protocol != "" {
			protocol = string(p.Protocol)
		}
		url := strings.ToLower(protocol) + "://" + net.JoinHostPort(ip, port(p.Port))
		if i == 0 {
			env = append(env, corev1.EnvVar{Name: prefix + "_PORT", Value: url})
		}
		link := fmt.Sprintf("%s_PORT_%d_%s", prefix, p.Port, strings.ToUpper(protocol))
		env = append(env,
			corev1.EnvVar{Name: link, Value: url},
			corev1.EnvVar{Name: link + "_PROTO", Value: strings.ToLower(protocol)},
			corev1.EnvVar{Name: link + "_PORT", Value: port(p.Port)},
			corev1.EnvVar{Name: link + "_ADDR", Value: ip},
		)
	}
	return env
}
