package runtime

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"minke/runtime/plan"
	"minke/runtime/shim"
)

// RunPodSandbox makes the pod's namespaces, its helper and its network.
func (r *Runtime) RunPodSandbox(ctx context.Context, req *runtimeapi.RunPodSandboxRequest) (*runtimeapi.RunPodSandboxResponse, error) {
	if err := checkSandbox(req); err != nil {
		return nil, err
	}
	data, err := proto.Marshal(req.GetConfig())
	if err != nil {
		return nil, fmt.Errorf("run sandbox: %w", err)
	}
	s, err := decodeSandbox(sandboxRecord{
		ID: newID(), Config: data, Handler: req.GetRuntimeHandler(), CreatedAt: time.Now().UnixNano(),
	})
	if err != nil {
		return nil, err
	}
	if err := r.setUpSandbox(ctx, s); err != nil {
		m := s.config.GetMetadata()
		err = fmt.Errorf("failed to create pod sandbox %s/%s: %w", m.GetNamespace(), m.GetName(), err)
		// The caller's ctx may be what ended it; the undoing must go on.
		if undo := r.tearDownSandbox(context.WithoutCancel(ctx), s); undo != nil {
			r.adoptBroken(s)
			return nil, errors.Join(err, undo)
		}
		return nil, errors.Join(err, r.eraseSandbox(s))
	}
	r.mu.Lock()
	r.sandboxes[s.ID] = s
	r.mu.Unlock()
	r.changed(s.ID, s.ID, runtimeapi.ContainerEventType_CONTAINER_CREATED_EVENT)
	r.changed(s.ID, s.ID, runtimeapi.ContainerEventType_CONTAINER_STARTED_EVENT)
	return &runtimeapi.RunPodSandboxResponse{PodSandboxId: s.ID}, nil
}

func checkSandbox(req *runtimeapi.RunPodSandboxRequest) error {
	c := req.GetConfig()
	switch {
	case c.GetMetadata().GetName() == "":
		return status.Error(codes.InvalidArgument, "sandbox config must have metadata with a name")
	case req.GetRuntimeHandler() != "":
		return status.Errorf(codes.InvalidArgument, "no runtime for %q is configured", req.GetRuntimeHandler())
	case len(c.GetHostname()) > 64:
		return status.Errorf(codes.InvalidArgument, "hostname %q is longer than 64 bytes", c.GetHostname())
	}
	o := c.GetLinux().GetSecurityContext().GetNamespaceOptions()
	if u := o.GetUsernsOptions(); u != nil && u.GetMode() == runtimeapi.NamespaceMode_POD {
		return status.Error(codes.Unimplemented, "user namespaces are not implemented")
	}
	return nil
}

// adoptBroken keeps a sandbox that could be neither made nor undone, so that
// the kubelet finds and removes it.
func (r *Runtime) adoptBroken(s *sandbox) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.Ready = false
	r.sandboxes[s.ID] = s
}

func (r *Runtime) setUpSandbox(ctx context.Context, s *sandbox) error {
	dir := r.sandboxDir(s.ID)
	if err := os.Mkdir(dir, 0o711); err != nil {
		return err
	}
	s.Networked = r.config.Network != nil && !hostNetwork(s.config)
	if err := r.saveSandbox(s); err != nil {
		return err
	}
	if err := r.writeSandboxFiles(s); err != nil {
		return err
	}
	p, err := r.sandboxPlan(s)
	if err != nil {
		return err
	}
	if s.shim, s.ShimPID, err = shim.Start(dir, p, &listener{r, s.ID}); err != nil {
		return err
	}
	if s.Networked {
		ips, err := r.config.Network.Setup(ctx, r.podNetwork(s))
		if err != nil {
			return fmt.Errorf("network: %w", err)
		}
		for _, ip := range ips {
			s.IPs = append(s.IPs, ip.String())
		}
	}
	s.Ready = true
	return r.saveSandbox(s)
}

func (r *Runtime) sandboxPlan(s *sandbox) (*plan.Plan, error) {
	o := s.options()
	flags := 0
	p := &plan.Plan{}
	oomScore := int64(-998)
	p.AddNumbers(plan.OOMScore, uint64(oomScore), 0, 0)
	if o.GetIpc() != runtimeapi.NamespaceMode_NODE {
		flags |= unix.CLONE_NEWIPC
	}
	if !hostNetwork(s.config) {
		flags |= unix.CLONE_NEWNET | unix.CLONE_NEWUTS
	}
	if flags != 0 {
		p.AddNumbers(plan.Unshare, uint64(flags), 0, 0)
	}
	if !hostNetwork(s.config) {
		if h := s.config.GetHostname(); h != "" {
			p.Add(plan.Hostname, h)
		}
		if err := touch(s.netnsPath(r)); err != nil {
			return nil, err
		}
		p.Add(plan.NetNS, s.netnsPath(r))
	}
	if o.GetIpc() != runtimeapi.NamespaceMode_NODE {
		if err := os.Mkdir(r.file(s, "shm"), 0o700); err != nil {
			return nil, err
		}
		p.Add(plan.Shm, r.file(s, "shm"), "mode=1777,size=65536k")
	}
	for name, value := range s.config.GetLinux().GetSysctls() {
		path, err := sysctlPath(name, flags)
		if err != nil {
			return nil, err
		}
		p.Add(plan.Sysctl, path, value)
	}
	if o.GetPid() == runtimeapi.NamespaceMode_POD {
		p.Add(plan.Pause)
	}
	return p, nil
}

func touch(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// writeSandboxFiles writes what containers see in /etc, unless their mounts
// say otherwise.
func (r *Runtime) writeSandboxFiles(s *sandbox) error {
	hostname := s.config.GetHostname()
	if hostname == "" || hostNetwork(s.config) {
		var err error
		if hostname, err = os.Hostname(); err != nil {
			return err
		}
	}
	hosts, err := os.ReadFile("/etc/hosts")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	resolv, err := resolvConf(s.config.GetDnsConfig())
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(r.file(s, "hostname"), []byte(hostname+"\n"), 0o644),
		os.WriteFile(r.file(s, "hosts"), hosts, 0o644),
		os.WriteFile(r.file(s, "resolv.conf"), resolv, 0o644))
}

func resolvConf(d *runtimeapi.DNSConfig) ([]byte, error) {
	if len(d.GetServers())+len(d.GetSearches())+len(d.GetOptions()) == 0 {
		data, err := os.ReadFile("/etc/resolv.conf")
		if errors.Is(err, os.ErrNotExist) {
			return nil, nil
		}
		return data, err
	}
	var b strings.Builder
	if len(d.GetSearches()) > 0 {
		fmt.Fprintf(&b, "search %s\n", strings.Join(d.GetSearches(), " "))
	}
	for _, s := range d.GetServers() {
		fmt.Fprintf(&b, "nameserver %s\n", s)
	}
	if len(d.GetOptions()) > 0 {
		fmt.Fprintf(&b, "options %s\n", strings.Join(d.GetOptions(), " "))
	}
	return []byte(b.String()), nil
}
