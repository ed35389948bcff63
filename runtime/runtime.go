// Package runtime is the embedded CRI v1 implementation: images, pod sandboxes,
// containers, their logs and streams.
//
// There is no daemon below it. Each pod has one small helper process (package
// helper), which is its pause process and its shim; containers are the
// helper's children. The agent that holds a Runtime may be killed at any time:
// the pods live on, and the next New takes them up again from State.
//
// On disk:
//
//	Root/images, Root/layers, Root/temp   package image
//	Root/containers/<id>/{upper,work}     a container's writable layer
//	State/sandboxes/<id>/record           what was asked for, and how far it got
//	State/sandboxes/<id>/shim.sock        the helper's socket
//	State/sandboxes/<id>/{netns,shm}      mount points
//	State/sandboxes/<id>/{hostname,hosts,resolv.conf}
//	State/containers/<id>/record          likewise
//	State/containers/<id>/{started,exit}  written by the helper
//	State/containers/<id>/rootfs          mount point, in the container's mount namespace
//
// A record is written before the effect that it describes, and removed after
// the last effect is undone, so that whatever a crash leaves can be found.
package runtime

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"minke/runtime/helper"
	"minke/runtime/image"
	"minke/runtime/registry"
)

// Config is what a Runtime needs.
type Config struct {
	Root  string // images and writable layers; persistent
	State string // running state; survives the process, not a reboot (/run)

	// Network connects pods; nil leaves them with loopback only.
	Network Network
	// CgroupRoot is where pods go that name no cgroup parent; "/minke" when empty.
	CgroupRoot string
	// SeccompRoot is where Localhost seccomp profiles are; references that are
	// absolute paths must lie beneath it. Empty refuses Localhost profiles.
	SeccompRoot string
	// StreamAddress is where exec, attach and port-forward are served for CRI
	// clients; "127.0.0.1:0" when empty. It is opened on first use.
	StreamAddress string
	// InsecureRegistries are hosts (with port) that are spoken to over plain
	// HTTP; loopback addresses always may be.
	InsecureRegistries []string
	// Version is the program's, as shown by Version.
	Version string
	Log     *slog.Logger // slog.Default when nil
}

// Runtime implements runtimeapi.RuntimeServiceServer and ImageServiceServer.
// What its methods return is shared and must not be changed.
type Runtime struct {
	runtimeapi.UnimplementedRuntimeServiceServer
	runtimeapi.UnimplementedImageServiceServer

	config   Config
	log      *slog.Logger
	images   *image.Store
	registry *registry.Client
	events   broadcaster
	stream   streamServer
	cpu      cpuRates

	// ctx ends with Close; background counts what runs under it.
	ctx        context.Context
	cancel     context.CancelFunc
	background sync.WaitGroup

	mu         sync.RWMutex // guards the maps and the state in their values
	sandboxes  map[string]*sandbox
	containers map[string]*container
}

var (
	_ runtimeapi.RuntimeServiceServer = (*Runtime)(nil)
	_ runtimeapi.ImageServiceServer   = (*Runtime)(nil)
)

// New opens the image store, takes up the pods that State has, and removes what
// a crash or a reboot has left.
func New(c Config) (*Runtime, error) {
	if c.Root == "" || c.State == "" {
		return nil, errors.New("runtime: Root and State must be given")
	}
	if _, err := helper.File(); err != nil {
		return nil, fmt.Errorf("runtime: %w", err)
	}
	if c.CgroupRoot == "" {
		c.CgroupRoot = "/minke"
	}
	if c.Version == "" {
		c.Version = "v0.0.0"
	}
	log := c.Log
	if log == nil {
		log = slog.Default()
	}
	r := &Runtime{
		config: c, log: log.With("part", "runtime"),
		registry:  registry.New(c.InsecureRegistries),
		sandboxes: map[string]*sandbox{}, containers: map[string]*container{},
	}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	for _, dir := range []string{r.sandboxesDir(), r.containersDir(), r.layersDir()} {
		if err := os.MkdirAll(dir, 0o711); err != nil {
			return nil, fmt.Errorf("runtime: %w", err)
		}
	}
	var err error
	if r.images, err = image.Open(c.Root); err != nil {
		return nil, fmt.Errorf("runtime: %w", err)
	}
	if !mayLowerOOMScores() {
		r.log.Info("processes' OOM scores cannot be lowered here (CAP_SYS_RESOURCE is missing): pods run without")
	}
	if err := r.adopt(); err != nil {
		r.Close()
		return nil, fmt.Errorf("runtime: take up pods: %w", err)
	}
	return r, nil
}

// Close lets go of the pods, which live on.
func (r *Runtime) Close() error {
	r.cancel()
	r.mu.Lock()
	for _, s := range r.sandboxes {
		if s.shim != nil {
			s.shim.Close()
		}
	}
	r.mu.Unlock()
	r.background.Wait()
	r.events.close()
	return r.stream.close()
}

// Images is the node's image store.
func (r *Runtime) Images() *image.Store { return r.images }

func (r *Runtime) sandboxesDir() string             { return filepath.Join(r.config.State, "sandboxes") }
func (r *Runtime) containersDir() string            { return filepath.Join(r.config.State, "containers") }
func (r *Runtime) layersDir() string                { return filepath.Join(r.config.Root, "containers") }
func (r *Runtime) sandboxDir(id string) string      { return filepath.Join(r.sandboxesDir(), id) }
func (r *Runtime) containerDir(id string) string    { return filepath.Join(r.containersDir(), id) }
func (r *Runtime) writableDir(id string) string     { return filepath.Join(r.layersDir(), id) }
func (s *sandbox) netnsPath(r *Runtime) string      { return filepath.Join(r.sandboxDir(s.ID), "netns") }
func (r *Runtime) file(s *sandbox, n string) string { return filepath.Join(r.sandboxDir(s.ID), n) }
