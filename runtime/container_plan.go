package runtime

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/cgroups"
	"golang.org/x/sys/unix"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"minke/runtime/cgroup"
	"minke/runtime/image"
	"minke/runtime/plan"
	"minke/runtime/shim"
)

const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// containerPlan writes down everything that makes the container.
func (r *Runtime) containerPlan(s *sandbox, c *container, g *cgroup.Group) (*plan.Plan, shim.Flags, error) {
	p := &plan.Plan{}
	if !cgroup.V2() {
		for _, f := range g.JoinFiles() {
			p.Add(plan.Cgroup, f)
		}
	}
	flags := c.flags()
	r.planRoot(p, c)
	if err := r.planMounts(p, s, c); err != nil {
		return nil, 0, err
	}
	if c.config.GetLinux().GetSecurityContext().GetReadonlyRootfs() {
		p.Add(plan.RootReadOnly)
	}
	if c.Cwd != "" && c.Cwd != "/" {
		p.AddNumbers(plan.Mkdir, 0o755, 0, 0, c.Cwd)
	}
	if err := r.planProcess(p, c, c.Argv); err != nil {
		return nil, 0, err
	}
	return p, flags, nil
}

func (c *container) flags() shim.Flags {
	var f shim.Flags
	if c.config.GetTty() {
		f |= shim.FlagTTY
	}
	if c.config.GetStdin() {
		f |= shim.FlagStdin
	}
	if c.config.GetStdinOnce() {
		f |= shim.FlagStdinOnce
	}
	switch c.options().GetPid() {
	case runtimeapi.NamespaceMode_POD:
		f |= shim.FlagPIDPod
	case runtimeapi.NamespaceMode_NODE:
		f |= shim.FlagPIDHost
	case runtimeapi.NamespaceMode_TARGET:
		f |= shim.FlagPIDTarget
	}
	if !c.privileged() || cgroup.V2() {
		f |= shim.FlagCgroupNS
	}
	return f
}

func (c *container) privileged() bool {
	return c.config.GetLinux().GetSecurityContext().GetPrivileged()
}

// planRoot names the layers relative to their directory, the top one first, to
// fit into the one page that a mount's options may have.
func (r *Runtime) planRoot(p *plan.Plan, c *container) {
	lower := lowerDirs(c.Layers)
	if len(lower) == 0 {
		lower = []string{r.writableDir(c.ID) + "/work"} // an image of nothing
	}
	w := r.writableDir(c.ID)
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", strings.Join(lower, ":"), escapeOption(w+"/upper"), escapeOption(w+"/work"))
	p.Add(plan.Overlay, r.images.LayersDir(), options, filepath.Join(r.containerDir(c.ID), "rootfs"))
}

// lowerDirs are the directories of layers, the top one first.
func lowerDirs(layers []string) []string {
	var out []string
	for _, l := range slices.Backward(layers) {
		out = append(out, l+"/fs")
	}
	return out
}

// escapeOption writes a path as part of overlayfs' options.
func escapeOption(path string) string {
	return strings.NewReplacer(`\`, `\\`, ",", `\,`, ":", `\:`).Replace(path)
}

// command is the image's unless the pod gives its own.
func command(c *container, img *image.Image) ([]string, error) {
	entry, args := img.Config.Entrypoint, img.Config.Cmd
	if len(c.config.GetCommand()) > 0 {
		entry, args = c.config.GetCommand(), nil
	}
	if len(c.config.GetArgs()) > 0 {
		args = c.config.GetArgs()
	}
	argv := slices.Concat(entry, args)
	if len(argv) == 0 || argv[0] == "" {
		return nil, fmt.Errorf("no command specified")
	}
	return argv, nil
}

// environment is the image's, then the pod's over it.
func environment(s *sandbox, c *container, img *image.Image) []string {
	env := []string{defaultPath}
	if h := s.config.GetHostname(); h != "" {
		env = append(env, "HOSTNAME="+h)
	} else if h, err := os.Hostname(); err == nil {
		env = append(env, "HOSTNAME="+h)
	}
	if c.config.GetTty() {
		env = append(env, "TERM=xterm")
	}
	if c.User.Home != "" {
		env = append(env, "HOME="+c.User.Home)
	}
	for _, e := range img.Config.Env {
		env = setEnv(env, e)
	}
	for _, e := range c.config.GetEnvs() {
		env = setEnv(env, e.GetKey()+"="+string(e.GetValue()))
	}
	return env
}

func setEnv(env []string, e string) []string {
	name, _, _ := strings.Cut(e, "=")
	for i, old := range env {
		if strings.HasPrefix(old, name+"=") {
			env[i] = e
			return env
		}
	}
	return append(env, e)
}

// planProcess writes who the process is and what it may do; exec uses it too.
func (r *Runtime) planProcess(p *plan.Plan, c *container, argv []string) error {
	sc := c.config.GetLinux().GetSecurityContext()
	p.AddNumbers(plan.User, uint64(c.User.UID), uint64(c.User.GID), 0)
	for _, g := range c.User.Groups {
		p.AddNumbers(plan.Group, uint64(g), 0, 0)
	}
	caps, ambient, err := capabilities(sc)
	if err != nil {
		return err
	}
	p.AddNumbers(plan.Caps, caps, ambient, 0)
	if sc.GetNoNewPrivs() && !sc.GetPrivileged() {
		p.Add(plan.NoNewPrivs)
	}
	filter, err := r.seccompFilter(sc)
	if err != nil {
		return err
	}
	if len(filter) > 0 {
		p.Add(plan.Seccomp, string(filter))
	}
	if c.config.GetLinux().GetResources() != nil {
		p.AddNumbers(plan.OOMScore, uint64(c.config.GetLinux().GetResources().GetOomScoreAdj()), 0, 0)
	}
	if c.Cwd != "" && c.Cwd != "/" {
		p.Add(plan.Cwd, c.Cwd)
	}
	p.Add(plan.Env, c.Env...)
	p.Add(plan.Argv, argv...)
	return nil
}

// cgroupResources are the container's limits and device rules.
func (r *Runtime) cgroupResources(c *container) (*cgroups.Resources, error) {
	r.mu.RLock()
	res := limits(c.resources)
	r.mu.RUnlock()
	rules, err := deviceRules(c)
	if err != nil {
		return nil, err
	}
	res.Devices = rules
	return res, nil
}

func noResources() *cgroups.Resources { return &cgroups.Resources{SkipDevices: true} }

// limits turns CRI's resources into the library's. Zero means as it is.
func limits(l *runtimeapi.LinuxContainerResources) *cgroups.Resources {
	res := &cgroups.Resources{
		CpuShares: uint64(l.GetCpuShares()), CpuQuota: l.GetCpuQuota(), CpuPeriod: uint64(l.GetCpuPeriod()),
		Memory: l.GetMemoryLimitInBytes(), CpusetCpus: l.GetCpusetCpus(), CpusetMems: l.GetCpusetMems(),
	}
	if cgroup.V2() {
		res.CpuWeight = cgroups.ConvertCPUSharesToCgroupV2Value(res.CpuShares)
		res.Unified = l.GetUnified()
	}
	if swapControlled() && l.GetMemoryLimitInBytes() > 0 {
		res.MemorySwap = l.GetMemorySwapLimitInBytes()
		if res.MemorySwap == 0 {
			res.MemorySwap = res.Memory // no swap beyond memory
		}
	}
	for _, h := range l.GetHugepageLimits() {
		res.HugetlbLimit = append(res.HugetlbLimit, &cgroups.HugepageLimit{Pagesize: h.GetPageSize(), Limit: h.GetLimit()})
	}
	return res
}

// swapControlled tells whether the kernel accounts swap.
func swapControlled() bool {
	if cgroup.V2() {
		return true
	}
	all, err := cgroup.Hierarchies()
	if err != nil {
		return false
	}
	for _, h := range all {
		if slices.Contains(h.Controllers, "memory") {
			return unix.Access(filepath.Join(h.Mountpoint, "memory.memsw.limit_in_bytes"), unix.F_OK) == nil
		}
	}
	return false
}
