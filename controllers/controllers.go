// Package controllers runs all controllers of the control plane. Each has a
// folder of its own; this is the list.
package controllers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/client"
	"minke/controllers/accounttoken"
	"minke/controllers/certificates"
	"minke/controllers/clusterroleaggregation"
	"minke/controllers/clustertrustbundlepublisher"
	"minke/controllers/cronjob"
	"minke/controllers/daemonset"
	"minke/controllers/deployment"
	"minke/controllers/devicetainteviction"
	"minke/controllers/disruption"
	"minke/controllers/endpoints"
	"minke/controllers/endpointslice"
	"minke/controllers/eventttl"
	"minke/controllers/garbagecollector"
	"minke/controllers/ipaddress"
	"minke/controllers/job"
	"minke/controllers/namespace"
	"minke/controllers/nodeipam"
	"minke/controllers/nodelifecycle"
	"minke/controllers/persistentvolume"
	"minke/controllers/podcertificaterequestcleaner"
	"minke/controllers/podgc"
	"minke/controllers/replicaset"
	"minke/controllers/resourcequota"
	"minke/controllers/rootca"
	"minke/controllers/serviceaccount"
	"minke/controllers/servicecidr"
	"minke/controllers/statefulset"
	"minke/controllers/storageversionmigrator"
	"minke/controllers/tainteviction"
	"minke/controllers/ttlafterfinished"
	"minke/controllers/volumeprotection"
)

// Config is what the controllers work with.
type Config struct {
	// API is how they reach the server, unless For gives each an identity. Those
	// that have no account of their own always use it.
	API client.Interface
	// For, when set, returns the API as the service account in kube-system of
	// that name, such as "replicaset-controller".
	For func(account string) client.Interface
	// Server is the API with the rights of the API server itself, for what is a
	// part of it in Kubernetes. It defaults to API.
	Server client.Interface
	// Informers are shared with the other parts of the process.
	Informers *client.Informers
	// RootCA is the PEM that pods know the API server by; without it none is
	// published.
	RootCA []byte
	// Tokens issues the tokens that are kept in Secrets; without it those stay
	// as they are.
	Tokens accounttoken.Issue
	// Signer signs approved certificate requests; without it they stay as they
	// are.
	Signer certificates.Signer
	// NodeRanges are the cluster's pod ranges; without any, nodes are given
	// none.
	NodeRanges []nodeipam.Range
	// Resources lists everything the server offers, custom resources too, and what
	// other API servers hold behind it; with a client.DiscoveryError, all but what
	// that names. It defaults to client.BuiltIn.
	Resources func(context.Context) ([]client.APIResource, error)
	// Serves tells whether the server has a resource that it may be without; nil means
	// all.
	Serves func(group, resource string) bool
	// Stored lists everything that StorageVersionMigrations may name; without it
	// there are none.
	Stored func(context.Context) ([]client.APIResource, error)
	// EventTTL is for how long Events are kept after their last write; zero for
	// ever.
	EventTTL time.Duration
	// ResourcesChanged tell that Resources would answer otherwise.
	ResourcesChanged []<-chan struct{}
	// Choice says which of them run.
	Choice Choice
	// TerminatedPods is how many pods that have ended are kept; nil means
	// podgc.DefaultTerminatedThreshold, zero or less means all.
	TerminatedPods *int
	Nodes          nodelifecycle.Options
	// CertificateLife is how long a certificate holds at most that is signed for
	// a request; zero means certificates.DefaultLife.
	CertificateLife time.Duration
}

func (c *Config) as(account string) client.Interface {
	if c.For != nil {
		return c.For(account)
	}
	return c.API
}

func (c *Config) terminatedPods() int {
	if c.TerminatedPods != nil {
		return *c.TerminatedPods
	}
	return podgc.DefaultTerminatedThreshold
}

// controller is what every controller offers. Run returns when ctx ends.
type controller interface {
	Run(ctx context.Context) error
}

// Run starts every controller and the informers they need, and returns when
// ctx has ended and all have stopped, or with the first error.
func Run(ctx context.Context, config Config) error {
	if config.Resources == nil {
		config.Resources = func(context.Context) ([]client.APIResource, error) { return client.BuiltIn(), nil }
	}
	if config.Server == nil {
		config.Server = config.API
	}
	resources, err := config.Resources(ctx)
	if err != nil && !incomplete(err) {
		return fmt.Errorf("run controllers: list resources: %w", err)
	}
	ipam, err := nodeipam.New(config.as("node-controller"), config.Informers, config.NodeRanges)
	if err != nil {
		return fmt.Errorf("run controllers: %w", err)
	}
	collector := func() *garbagecollector.Controller {
		return garbagecollector.New(config.as("generic-garbage-collector"), config.Informers, resources)
	}
	quotas := func() *resourcequota.Controller {
		return resourcequota.New(config.as("resourcequota-controller"), config.Informers, resources)
	}
	watch := &resourceWatch{config: &config}
	all := append(append(list(&config), optional(&config)...),
		entry{"node-ipam", func() controller { return ipam }},
		entry{"garbage-collector", func() controller { watch.collector = collector(); return watch.collector }},
		entry{"resourcequota", func() controller { watch.quotas = quotas(); return watch.quotas }},
		entry{"resource-watch", func() controller { return watch }})

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	running := start(&config, all)
	config.Informers.Start(ctx)
	var group sync.WaitGroup
	for name, c := range running {
		group.Go(func() {
			if err := c.Run(ctx); err != nil && ctx.Err() == nil {
				cancel(fmt.Errorf("run controller %s: %w", name, err))
			}
		})
	}
	group.Wait()
	if cause := context.Cause(ctx); cause != ctx.Err() {
		return cause
	}
	return nil
}

// entry is a controller that is made only if it runs: it would follow objects.
type entry struct {
	name string
	make func() controller
}

// start makes the controllers that run.
func start(c *Config, all []entry) map[string]controller {
	running := map[string]controller{}
	for _, e := range all {
		if c.Choice.runs(e.name) {
			running[e.name] = e.make()
		}
	}
	return running
}

// list is the wiring of the controllers that need nothing special.
func list(c *Config) []entry {
	f := c.Informers
	entries := []entry{
		{"replicaset", func() controller { return replicaset.New(c.as("replicaset-controller"), f, replicaset.ReplicaSets) }},
		{"replicationcontroller", func() controller {
			return replicaset.New(c.as("replication-controller"), f, replicaset.ReplicationControllers)
		}},
		{"deployment", func() controller { return deployment.New(c.as("deployment-controller"), f) }},
		{"statefulset", func() controller { return statefulset.New(c.as("statefulset-controller"), f) }},
		{"daemonset", func() controller { return daemonset.New(c.as("daemon-set-controller"), f) }},
		{"job", func() controller { return job.New(c.as("job-controller"), f) }},
		{"cronjob", func() controller { return cronjob.New(c.as("cronjob-controller"), f) }},
		{"disruption", func() controller { return disruption.New(c.as("disruption-controller"), f) }},
		{"clusterrole-aggregation", func() controller { return clusterroleaggregation.New(c.as("clusterrole-aggregation-controller"), f) }},
		{"persistentvolume", func() controller { return persistentvolume.New(c.as("persistent-volume-binder"), f) }},
		{"volume-protection", func() controller {
			return volumeprotection.New(c.as("pvc-protection-controller"), c.as("pv-protection-controller"), f)
		}},
		{"endpointslice", func() controller { return endpointslice.New(c.as("endpointslice-controller"), f) }},
		{"endpointslice-mirroring", func() controller { return endpointslice.NewMirror(c.as("endpointslicemirroring-controller"), f) }},
		{"endpoints", func() controller { return endpoints.New(c.as("endpoint-controller"), f) }},
		{"namespace", func() controller { return namespace.New(c.as("namespace-controller"), f, c.Resources) }},
		{"serviceaccount", func() controller { return serviceaccount.New(c.as("service-account-controller"), f) }},
		{"servicecidr", func() controller { return servicecidr.New(c.as("service-cidrs-controller"), f) }},
		{"ipaddress", func() controller { return ipaddress.New(c.Server, f) }},
		{"event-ttl", func() controller { return eventttl.New(c.Server, c.EventTTL) }},
		{"pod-garbage-collector", func() controller { return podgc.New(c.as("pod-garbage-collector"), f, c.terminatedPods()) }},
		{"node-lifecycle", func() controller { return nodelifecycle.New(c.as("node-controller"), f, c.Nodes) }},
		{"taint-eviction", func() controller { return tainteviction.New(c.as("node-controller"), f) }},
		{"ttl-after-finished", func() controller { return ttlafterfinished.New(c.as("ttl-after-finished-controller"), f) }},
	}
	if len(c.RootCA) > 0 {
		entries = append(entries, entry{"root-ca", func() controller { return rootca.New(c.as("root-ca-cert-publisher"), f, c.RootCA) }})
	}
	if c.Tokens != nil {
		entries = append(entries, entry{"serviceaccount-token", func() controller { return accounttoken.New(c.API, f, c.RootCA, c.Tokens) }})
	}
	if c.Stored != nil {
		entries = append(entries, entry{"storage-version-migrator", func() controller {
			return storageversionmigrator.New(c.as("storage-version-migrator-controller"), f, c.Stored)
		}})
	}
	if c.Signer != nil {
		entries = append(entries, entry{"certificates", func() controller {
			return certificates.New(c.as("certificate-controller"), f, c.Signer, c.CertificateLife)
		}})
	}
	return entries
}

// optional are the controllers of kinds that a server may not serve.
func optional(c *Config) (entries []entry) {
	serves := func(gvr schema.GroupVersionResource) bool {
		return c.Serves == nil || c.Serves(gvr.Group, gvr.Resource)
	}
	if len(c.RootCA) > 0 && serves(client.ClusterTrustBundles.Resource) {
		api := c.as("kube-apiserver-serving-clustertrustbundle-publisher")
		entries = append(entries, entry{"clustertrustbundle-publisher", func() controller { return clustertrustbundlepublisher.New(api, c.Informers, c.RootCA) }})
	}
	if serves(client.PodCertificateRequests.Resource) {
		entries = append(entries, entry{"podcertificaterequest-cleaner", func() controller {
			return podcertificaterequestcleaner.New(c.as("podcertificaterequestcleaner"), c.Informers)
		}})
	}
	if serves(client.VolumeAttributesClasses.Resource) {
		entries = append(entries, entry{"attributesclass-protection", func() controller {
			return volumeprotection.NewClass(c.as("volumeattributesclass-protection-controller"), c.Informers)
		}})
	}
	if serves(devicetainteviction.Rules.Resource) && serves(devicetainteviction.Claims.Resource) && serves(devicetainteviction.Slices.Resource) {
		entries = append(entries, entry{"device-taint-eviction", func() controller {
			return devicetainteviction.New(c.as("device-taint-eviction-controller"), c.Informers)
		}})
	}
	return entries
}

// resourceWatch tells of new resources those who care for all, as far as they run.
type resourceWatch struct {
	config    *Config
	collector *garbagecollector.Controller
	quotas    *resourcequota.Controller
}

func (w *resourceWatch) Run(ctx context.Context) error {
	changed := make(chan struct{}, 1)
	for _, source := range w.config.ResourcesChanged {
		go func() {
			for {
				select {
				case <-ctx.Done():
					return
				case _, ok := <-source:
					if !ok {
						return
					}
				}
				select {
				case changed <- struct{}{}:
				default:
				}
			}
		}()
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
		resources, err := w.config.Resources(ctx)
		if err != nil && !incomplete(err) {
			slog.Warn("resources cannot be listed", "part", "controllers", "err", err)
			continue
		}
		// The collector first: it ends the informers of resources that are gone.
		if w.collector != nil {
			w.collector.Watch(resources)
		}
		if w.quotas != nil {
			w.quotas.Watch(ctx, resources)
		}
	}
}

// incomplete tells that what came with err is true as far as it goes.
func incomplete(err error) bool {
	var failed *client.DiscoveryError
	return errors.As(err, &failed)
}
