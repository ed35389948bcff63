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
}

func (c *Config) as(account string) client.Interface {
	if c.For != nil {
		return c.For(account)
	}
	return c.API
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
	collector := garbagecollector.New(config.as("generic-garbage-collector"), config.Informers, resources)
	quotas := resourcequota.New(config.as("resourcequota-controller"), config.Informers, resources)
	all := append(append(list(&config), optional(&config)...), entry{"node-ipam", ipam}, entry{"garbage-collector", collector},
		entry{"resourcequota", quotas},
		entry{"resource-watch", &resourceWatch{config: &config, collector: collector, quotas: quotas}})

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	config.Informers.Start(ctx)
	var running sync.WaitGroup
	for _, e := range all {
		running.Go(func() {
			if err := e.controller.Run(ctx); err != nil && ctx.Err() == nil {
				cancel(fmt.Errorf("run controller %s: %w", e.name, err))
			}
		})
	}
	running.Wait()
	if cause := context.Cause(ctx); cause != ctx.Err() {
		return cause
	}
	return nil
}

type entry struct {
	name       string
	controller controller
}

// list is the wiring of the controllers that need nothing special.
func list(c *Config) []entry {
	f := c.Informers
	entries := []entry{
		{"replicaset", replicaset.New(c.as("replicaset-controller"), f, replicaset.ReplicaSets)},
		{"replicationcontroller", replicaset.New(c.as("replication-controller"), f, replicaset.ReplicationControllers)},
		{"deployment", deployment.New(c.as("deployment-controller"), f)},
		{"statefulset", statefulset.New(c.as("statefulset-controller"), f)},
		{"daemonset", daemonset.New(c.as("daemon-set-controller"), f)},
		{"job", job.New(c.as("job-controller"), f)},
		{"cronjob", cronjob.New(c.as("cronjob-controller"), f)},
		{"disruption", disruption.New(c.as("disruption-controller"), f)},
		{"clusterrole-aggregation", clusterroleaggregation.New(c.as("clusterrole-aggregation-controller"), f)},
		{"persistentvolume", persistentvolume.New(c.as("persistent-volume-binder"), f)},
		{"volume-protection", volumeprotection.New(c.as("pvc-protection-controller"), c.as("pv-protection-controller"), f)},
		{"endpointslice", endpointslice.New(c.as("endpointslice-controller"), f)},
		{"endpointslice-mirroring", endpointslice.NewMirror(c.as("endpointslicemirroring-controller"), f)},
		{"endpoints", endpoints.New(c.as("endpoint-controller"), f)},
		{"namespace", namespace.New(c.as("namespace-controller"), f, c.Resources)},
		{"serviceaccount", serviceaccount.New(c.as("service-account-controller"), f)},
		{"servicecidr", servicecidr.New(c.as("service-cidrs-controller"), f)},
		{"ipaddress", ipaddress.New(c.Server, f)},
		{"event-ttl", eventttl.New(c.Server, c.EventTTL)},
		{"pod-garbage-collector", podgc.New(c.as("pod-garbage-collector"), f, podgc.DefaultTerminatedThreshold)},
		{"node-lifecycle", nodelifecycle.New(c.as("node-controller"), f)},
		{"taint-eviction", tainteviction.New(c.as("node-controller"), f)},
		{"ttl-after-finished", ttlafterfinished.New(c.as("ttl-after-finished-controller"), f)},
	}
	if len(c.RootCA) > 0 {
		entries = append(entries, entry{"root-ca", rootca.New(c.as("root-ca-cert-publisher"), f, c.RootCA)})
	}
	if c.Tokens != nil {
		entries = append(entries, entry{"serviceaccount-token", accounttoken.New(c.API, f, c.RootCA, c.Tokens)})
	}
	if c.Stored != nil {
		entries = append(entries, entry{"storage-version-migrator", storageversionmigrator.New(c.as("storage-version-migrator-controller"), f, c.Stored)})
	}
	if c.Signer != nil {
		entries = append(entries, entry{"certificates", certificates.New(c.as("certificate-controller"), f, c.Signer)})
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
		entries = append(entries, entry{"clustertrustbundle-publisher", clustertrustbundlepublisher.New(api, c.Informers, c.RootCA)})
	}
	if serves(client.PodCertificateRequests.Resource) {
		entries = append(entries, entry{"podcertificaterequest-cleaner", podcertificaterequestcleaner.New(c.as("podcertificaterequestcleaner"), c.Informers)})
	}
	if serves(devicetainteviction.Rules.Resource) && serves(devicetainteviction.Claims.Resource) && serves(devicetainteviction.Slices.Resource) {
		entries = append(entries, entry{"device-taint-eviction", devicetainteviction.New(c.as("device-taint-eviction-controller"), c.Informers)})
	}
	return entries
}

// resourceWatch tells of new resources those who care for all.
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
		w.collector.Watch(resources)
		w.quotas.Watch(ctx, resources)
	}
}

// incomplete tells that what came with err is true as far as it goes.
func incomplete(err error) bool {
	var failed *client.DiscoveryError
	return errors.As(err, &failed)
}
