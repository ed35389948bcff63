package catalog

import "testing"

func TestServiceRules(t *testing.T) {
	rules(t, "", map[string]rule{
		"type": {"", service + "{type: X, ports: [{port: 80}]}", []string{`spec.type: Unsupported value: "X": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"`}},
		"port": {"", service + "{ports: [{port: 0, targetPort: 1}]}", []string{`spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive`}},
		"target port": {"", service + "{ports: [{port: 80, targetPort: A_B}]}",
			[]string{`spec.ports[0].targetPort: Invalid value: "A_B": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)`,
				`spec.ports[0].targetPort: Invalid value: "A_B": must contain at least one letter (a-z)`}},
		"same port twice": {"", service + "{ports: [{name: a, port: 80}, {name: b, port: 80}]}", []string{`spec.ports[1]: Duplicate value: {"Name":"","Protocol":"TCP","AppProtocol":null,"Port":80,"TargetPort":0,"NodePort":0}`}},
		"node port of a cluster address": {"", service + "{ports: [{port: 80, nodePort: 30000}]}",
			[]string{`spec.ports[0].nodePort: Forbidden: may not be used when ` + "`type` is 'ClusterIP'"}},
		"headless on nodes": {"", service + "{type: NodePort, clusterIP: None, ports: [{port: 80}]}",
			[]string{`spec.clusterIPs[0]: Invalid value: "None": may not be set to 'None' for NodePort services`}},
		"affinity for ever": {"", service + "{sessionAffinity: ClientIP, sessionAffinityConfig: {clientIP: {timeoutSeconds: 86401}}, ports: [{port: 80}]}",
			[]string{`spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 86401: must be greater than 0 and less than 86400`}},
		"ranges without a balancer": {"", service + "{loadBalancerSourceRanges: [10.0.0.0/8], ports: [{port: 80}]}",
			[]string{"spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'"}},
		"external policy of a cluster address": {"", service + "{externalTrafficPolicy: Local, ports: [{port: 80}]}",
			[]string{`spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services`}},
		"traffic distribution": {"", service + "{trafficDistribution: Far, ports: [{port: 80}]}",
			[]string{`spec.trafficDistribution: Unsupported value: "Far": supported values: "PreferClose", "PreferSameZone", "PreferSameNode"`}},
		"health check without a balancer": {"", service + "{healthCheckNodePort: 30000, ports: [{port: 80}]}",
			[]string{"spec.healthCheckNodePort: Invalid value: 30000: may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"}},
		"class without a balancer": {"", service + "{loadBalancerClass: a/b, ports: [{port: 80}]}",
			[]string{"spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'"}},
		"class changed": {service + "{type: LoadBalancer, loadBalancerClass: a/b, ports: [{port: 80}]}", service + "{type: LoadBalancer, loadBalancerClass: a/c, ports: [{port: 80}]}",
			[]string{"spec.loadBalancerClass: Invalid value: \"a/c\": may not change once set"}},
		"three families": {"", service + "{ipFamilies: [IPv4, IPv6, IPv4], ports: [{port: 80}]}",
			[]string{`spec.ipFamilies[2]: Duplicate value: "IPv4"`}},
	})
}

func TestServiceWarnings(t *testing.T) {
	for name, c := range map[string]struct {
		manifest string
		want     []string
	}{
		"external addresses": {service + "{externalIPs: [1.2.3.4], ports: [{port: 80}]}", []string{"spec.externalIPs is deprecated and may no longer be implemented in some clusters"}},
		"headless balancer":  {service + "{clusterIP: None, loadBalancerIP: 1.2.3.4}", []string{"spec.loadBalancerIP is ignored for headless services"}},
		"old distribution":   {service + "{trafficDistribution: PreferClose, ports: [{port: 80}]}", []string{`spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"`}},
		"old hints":          {"apiVersion: v1\nkind: Service\nmetadata: {name: s, annotations: {service.kubernetes.io/topology-aware-hints: auto}}\nspec: {ports: [{port: 80}]}", []string{"annotation service.kubernetes.io/topology-aware-hints is deprecated, please use service.kubernetes.io/topology-mode instead"}},
	} {
		t.Run(name, func(t *testing.T) {
			o, r := decode(t, []byte(c.manifest))
			compare(t, r.Warnings(o, nil), c.want)
		})
	}
}
