package cluster

import (
	"context"
	"net/netip"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/version"

	"minke/api"
	"minke/apiserver/admission"
	"minke/apiserver/admission/adminaccess"
	"minke/apiserver/admission/always"
	"minke/apiserver/admission/alwayspullimages"
	"minke/apiserver/admission/certificates"
	"minke/apiserver/admission/clustertrustbundleattest"
	"minke/apiserver/admission/defaultingressclass"
	"minke/apiserver/admission/defaultstorageclass"
	"minke/apiserver/admission/defaulttolerationseconds"
	"minke/apiserver/admission/eventratelimit"
	"minke/apiserver/admission/extendedresourcetoleration"
	"minke/apiserver/admission/externalips"
	"minke/apiserver/admission/imagepolicy"
	"minke/apiserver/admission/limitpodhardantiaffinity"
	"minke/apiserver/admission/limitranger"
	"minke/apiserver/admission/namespaceautoprovision"
	"minke/apiserver/admission/namespaceexists"
	"minke/apiserver/admission/namespacelifecycle"
	"minke/apiserver/admission/nodedeclaredfeatures"
	"minke/apiserver/admission/noderestriction"
	"minke/apiserver/admission/ownerreferences"
	"minke/apiserver/admission/persistentvolumeclaimresize"
	"minke/apiserver/admission/podnodeselector"
	"minke/apiserver/admission/podresize"
	"minke/apiserver/admission/podsecurity"
	"minke/apiserver/admission/podtolerationrestriction"
	"minke/apiserver/admission/podtopologylabels"
	"minke/apiserver/admission/policy"
	"minke/apiserver/admission/priority"
	"minke/apiserver/admission/resourcequota"
	"minke/apiserver/admission/runtimeclass"
	"minke/apiserver/admission/serviceaccount"
	"minke/apiserver/admission/storageobjectinuseprotection"
	"minke/apiserver/admission/taintnodesbycondition"
	"minke/apiserver/admission/webhooks"
	"minke/apiserver/allocate"
	"minke/apiserver/authz"
	"minke/apiserver/webhook"
	"minke/client"
	"minke/cluster/options"
)

// plugInParts is what admission plug-ins are made of.
type plugInParts struct {
	stored    *objects
	held      held
	security  *security
	allocator *allocate.Allocator
	webhooks  *webhooks.Webhooks
	options   *options.Admission
	// config is what --admission-control-config-file says to each plug-in.
	config map[string][]byte
	// resources finds what is served of a kind, custom resources too.
	resources func(schema.GroupVersionKind) []*api.Resource
	// createNamespace acts with all rights.
	createNamespace func(context.Context, *corev1.Namespace) error
}

// plugIns are the plug-ins in the order in which they run, which is Kubernetes'
// own. Those that are on by default are Kubernetes' and two more: NodeRestriction,
// as every installer sets it, and DenyServiceExternalIPs (CVE-2020-8554). Lines
// without a name are part of the API and cannot be switched off.
// Those up to lastRepeated run again when a webhook has changed the object.
var plugIns = []plugIn{
	{"AlwaysAdmit", off, simple(always.Admit{})},
	{"NamespaceAutoProvision", off, of(func(p *plugInParts) any {
		return &namespaceautoprovision.Plugin{Reader: p.held, Create: p.createNamespace}
	})},
	{"NamespaceLifecycle", on, of(func(p *plugInParts) any { return &namespacelifecycle.Plugin{Reader: p.held} })},
	{"NamespaceExists", off, of(func(p *plugInParts) any { return &namespaceexists.Plugin{Reader: p.held} })},
	{"LimitPodHardAntiAffinityTopology", off, simple(limitpodhardantiaffinity.Plugin{})},
	{"LimitRanger", on, of(func(p *plugInParts) any { return &limitranger.Plugin{Reader: p.held} })},
	{"ServiceAccount", on, of(func(p *plugInParts) any { return &serviceaccount.Plugin{Source: p.held} })},
	{"NodeRestriction", on, of(func(p *plugInParts) any {
		return &noderestriction.Plugin{Reader: p.held, Authorizer: p.security.authorizer, Audiences: p.security.audiences}
	})},
	{"TaintNodesByCondition", on, simple(&taintnodesbycondition.Plugin{})},
	{"AlwaysPullImages", off, simple(alwayspullimages.Plugin{})},
	{"ImagePolicyWebhook", off, func(p *plugInParts) (any, error) {
		return imagepolicy.New(p.config["ImagePolicyWebhook"], &webhook.Client{}, webhook.Kubeconfig)
	}},
	{"PodSecurity", on, func(p *plugInParts) (any, error) { return podsecurity.New(p.held, p.config["PodSecurity"]) }},
	{"PodNodeSelector", off, func(p *plugInParts) (any, error) { return podnodeselector.New(p.held, p.config["PodNodeSelector"]) }},
	{"Priority", on, of(func(p *plugInParts) any { return &priority.Plugin{Reader: p.held} })},
	{"DefaultTolerationSeconds", on, of(func(p *plugInParts) any {
		return &defaulttolerationseconds.Plugin{NotReady: p.options.NotReadySeconds, Unreachable: p.options.UnreachableSeconds}
	})},
	{"PodTolerationRestriction", off, func(p *plugInParts) (any, error) {
		return podtolerationrestriction.New(p.held, p.config["PodTolerationRestriction"])
	}},
	{"EventRateLimit", off, func(p *plugInParts) (any, error) { return eventratelimit.New(p.config["EventRateLimit"], nil) }},
	{"ExtendedResourceToleration", off, simple(extendedresourcetoleration.Plugin{})},
	{"DefaultStorageClass", on, of(func(p *plugInParts) any { return &defaultstorageclass.Plugin{Reader: p.held} })},
	{"StorageObjectInUseProtection", on, simple(&storageobjectinuseprotection.Plugin{})},
	{"PodGroupProtection", on, nil},
	{"OwnerReferencesPermissionEnforcement", off, of(func(p *plugInParts) any {
		return &ownerreferences.Plugin{Authorizer: p.security.authorizer, Resources: p.resources}
	})},
	{"PersistentVolumeClaimResize", on, of(func(p *plugInParts) any { return &persistentvolumeclaimresize.Plugin{Reader: p.held} })},
	{"RuntimeClass", on, of(func(p *plugInParts) any { return &runtimeclass.Plugin{Reader: p.held} })},
	{"CertificateApproval", on, of(func(p *plugInParts) any { return certificates.Approval{Authorizer: p.security.authorizer} })},
	{"CertificateSigning", on, of(func(p *plugInParts) any { return certificates.Signing{Authorizer: p.security.authorizer} })},
	{"ClusterTrustBundleAttest", on, of(func(p *plugInParts) any {
		return clustertrustbundleattest.Plugin{Authorizer: p.security.authorizer}
	})},
	{"CertificateSubjectRestriction", on, simple(certificates.SubjectRestriction{})},
	{"DefaultIngressClass", on, of(func(p *plugInParts) any { return &defaultingressclass.Plugin{Reader: p.held} })},
	{"DenyServiceExternalIPs", on, simple(&externalips.Plugin{})},
	{"PodTopologyLabels", on, of(func(p *plugInParts) any { return &podtopologylabels.Plugin{Reader: p.held} })},
	{"PodGroupWorkloadExists", on, nil},
	{"NodeDeclaredFeatureValidator", on, of(func(p *plugInParts) any {
		return &nodedeclaredfeatures.Plugin{Reader: p.held, Version: version.MustParse(KubernetesVersion)}
	})},
	{"JobValidation", on, nil},
	{"PodResizeValidator", on, of(func(p *plugInParts) any { return &podresize.Plugin{Reader: p.held} })},
	{"MutatingAdmissionPolicy", on, of(func(p *plugInParts) any {
		return policy.NewMutating(policy.Config{Reader: p.held, Authorizer: p.security.authorizer})
	})},
	{lastRepeated, on, of(func(p *plugInParts) any { return p.webhooks.Mutating })},
	{"", on, of(func(p *plugInParts) any { return &adminaccess.Plugin{Reader: p.held} })},
	{"", on, simple(certificates.Author{})},
	{"", on, of(func(p *plugInParts) any { return certificates.PodSigning{Authorizer: p.security.authorizer} })},
	{"", on, of(func(p *plugInParts) any { return p.allocator })},
	{"", on, of(func(p *plugInParts) any {
		return &authz.Escalation{RBAC: p.security.rbac, Authorizer: p.security.authorizer}
	})},
	{"", on, of(func(p *plugInParts) any {
		return policy.Reference{Config: policy.Config{Reader: p.held, Authorizer: p.security.authorizer}}
	})},
	{"ValidatingAdmissionPolicy", on, of(func(p *plugInParts) any {
		return policy.NewValidating(policy.Config{Reader: p.held, Authorizer: p.security.authorizer})
	})},
	{"ValidatingAdmissionWebhook", on, of(func(p *plugInParts) any { return p.webhooks.Validating })},
	{"ResourceQuota", on, func(p *plugInParts) (any, error) {
		return resourcequota.New(p.held, p.stored, p.config["ResourceQuota"])
	}},
	{"AlwaysDeny", off, simple(always.Deny{})},
}

// newAdmission returns the plug-ins that the options ask for.
func (s *Server) newAdmission(stored *objects) (admission.Chain, *allocate.Allocator, error) {
	var shared *allocate.Shared
	if s.joins() {
		shared = &allocate.Shared{Store: s.store, Key: options.StoreRoot + "/ranges/servicenodeports"}
	}
	first, ports, err := s.cfg.API.Serving.NodePorts.Range()
	if err != nil {
		return nil, nil, err
	}
	allocator, err := allocate.New(allocate.Config{Ranges: []netip.Prefix{s.cfg.ServiceNet}, FirstPort: first, Ports: ports, Source: stored, Shared: shared,
		Objects: s.served("networking.k8s.io", "servicecidrs") && s.served("networking.k8s.io", "ipaddresses")})
	if err != nil {
		return nil, nil, err
	}
	config, err := s.cfg.API.Admission.Config()
	if err != nil {
		return nil, nil, err
	}
	chain, err := chain(&s.cfg.API.Admission, plugIns, &plugInParts{
		options: &s.cfg.API.Admission,
		stored:  stored, held: held{stored}, security: s.security, allocator: allocator, webhooks: s.webhooks, config: config,
		resources: s.servedAs, createNamespace: s.createNamespace,
	})
	return admission.Chain{&admission.Timed{Chain: chain}}, allocator, err
}

// collectors are the metrics of plug-ins.
func collectors(chain admission.Chain) (all []prometheus.Collector) {
	for _, whole := range chain {
		if c, ok := whole.(prometheus.Collector); ok {
			all = append(all, c)
		}
	}
	for plugin := range chain.All() {
		switch p := plugin.(type) {
		case *policy.Mutating:
			all = append(all, p.Collectors()...)
		case *policy.Validating:
			all = append(all, p.Collectors()...)
		}
	}
	return all
}

// served tells whether a resource is there that is served in its stored version.
func (s *Server) served(group, name string) bool {
	r := s.resource(schema.GroupResource{Group: group, Resource: name})
	return r != nil && !r.Unserved
}

// servedAs finds the resources of a kind.
func (s *Server) servedAs(kind schema.GroupVersionKind) (out []*api.Resource) {
	for _, list := range [][]*api.Resource{s.resources, s.custom.Resources()} {
		for _, r := range list {
			if r.Kind == kind {
				out = append(out, r)
				continue
			}
			for i := range r.Also {
				if r.Also[i].Kind == kind {
					out = append(out, r)
				}
			}
		}
	}
	return out
}

func (s *Server) createNamespace(ctx context.Context, n *corev1.Namespace) error {
	_, err := s.self.Do(ctx, client.Request{Verb: "create", Resource: corev1.SchemeGroupVersion.WithResource("namespaces"), Body: n})
	return err
}
