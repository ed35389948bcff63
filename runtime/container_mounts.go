package runtime

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"minke/runtime/cgroup"
	"minke/runtime/plan"
)

const (
	noSUID   = unix.MOUNT_ATTR_NOSUID
	noExec   = unix.MOUNT_ATTR_NOEXEC
	noDev    = unix.MOUNT_ATTR_NODEV
	readOnly = unix.MOUNT_ATTR_RDONLY
	relatime = unix.MOUNT_ATTR_RELATIME
)

// What is hidden in, and what cannot be written of, the kernel's file systems
// where CRI does not say: Docker's and containerd's lists.
var (
	defaultMasked = []string{
		"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
		"/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi",
		"/sys/firmware", "/sys/devices/virtual/powercap",
	}
	defaultReadOnly = []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
)

// planMounts writes the mounts, those of the system first, then the pod's by
// depth, then the masks, which nothing may cover.
func (r *Runtime) planMounts(p *plan.Plan, s *sandbox, c *container) error {
	own := map[string]bool{}
	mounts := slices.Clone(c.config.GetMounts())
	for _, m := range mounts {
		if !strings.HasPrefix(m.GetContainerPath(), "/") {
			return fmt.Errorf("mount %q: not an absolute path", m.GetContainerPath())
		}
		own[filepath.Clean(m.GetContainerPath())] = true
	}
	slices.SortStableFunc(mounts, func(a, b *runtimeapi.Mount) int {
		return strings.Count(filepath.Clean(a.GetContainerPath()), "/") - strings.Count(filepath.Clean(b.GetContainerPath()), "/")
	})
	r.planSystem(p, s, c, own)
	for _, m := range mounts {
		if m.GetImage().GetImage() != "" {
			r.planImage(p, c, m)
			continue
		}
		if err := r.planMount(p, m); err != nil {
			return err
		}
	}
	if !c.privileged() {
		sc := c.config.GetLinux().GetSecurityContext()
		for _, path := range orDefault(sc.GetMaskedPaths(), defaultMasked, c.Unmasked) {
			p.Add(plan.Mask, path)
		}
		for _, path := range orDefault(sc.GetReadonlyPaths(), defaultReadOnly, c.Unmasked) {
			p.Add(plan.ReadOnly, path)
		}
	}
	return nil
}

func orDefault(given, usual []string, none bool) []string {
	if len(given) > 0 || none {
		return given
	}
	return usual
}

func (r *Runtime) planSystem(p *plan.Plan, s *sandbox, c *container, own map[string]bool) {
	mount := func(attr uint64, kind, target string, options ...string) {
		if !own[target] {
			p.AddNumbers(plan.Mount, attr, 0, 0, append([]string{kind, target}, options...)...)
		}
	}
	sysfs := uint64(noSUID | noExec | noDev | readOnly)
	if c.privileged() {
		sysfs &^= readOnly
	}
	mount(noSUID|noExec|noDev, "proc", "/proc")
	mount(sysfs, "sysfs", "/sys")
	if !own["/dev"] {
		mount(noSUID|unix.MOUNT_ATTR_STRICTATIME, "tmpfs", "/dev", "mode=755", "size=65536k")
		planDevices(p, c)
		mount(noSUID|noExec, "devpts", "/dev/pts", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5")
		mount(noSUID|noExec|noDev, "mqueue", "/dev/mqueue")
		if !own["/dev/shm"] {
			shm := r.file(s, "shm")
			if s.options().GetIpc() == runtimeapi.NamespaceMode_NODE {
				shm = "/dev/shm"
			}
			p.AddNumbers(plan.Bind, noSUID|noExec|noDev, plan.BindRecursive, unix.MS_PRIVATE, shm, "/dev/shm")
		}
	}
	if !own["/sys"] && !own["/sys/fs/cgroup"] {
		planCgroups(mount, p, sysfs)
	}
	var attr uint64
	if c.config.GetLinux().GetSecurityContext().GetReadonlyRootfs() {
		attr = readOnly
	}
	for _, name := range []string{"hostname", "hosts", "resolv.conf"} {
		if !own["/etc/"+name] {
			p.AddNumbers(plan.Bind, attr, 0, unix.MS_PRIVATE, r.file(s, name), "/etc/"+name)
		}
	}
}

// planCgroups shows the container its own groups.
func planCgroups(mount func(uint64, string, string, ...string), p *plan.Plan, attr uint64) {
	const at = "/sys/fs/cgroup"
	if cgroup.V2() {
		mount(attr|relatime, "cgroup2", at)
		return
	}
	all, err := cgroup.Hierarchies()
	if err != nil {
		return // without v1 hierarchies the container could not have been made
	}
	mount(noSUID|noExec|noDev, "tmpfs", at, "mode=755", "size=64k")
	for _, h := range all {
		name := filepath.Base(h.Mountpoint)
		options := slices.Clone(h.Controllers)
		if strings.HasPrefix(options[0], "name=") {
			options = append([]string{"none"}, options...)
		}
		mount(attr|relatime, "cgroup", at+"/"+name, options...)
		for _, c := range h.Controllers {
			if c != name && !strings.Contains(c, "=") {
				p.Add(plan.Symlink, name, at+"/"+c)
			}
		}
	}
	if attr&readOnly != 0 {
		p.Add(plan.ReadOnly, at)
	}
}

func (r *Runtime) planMount(p *plan.Plan, m *runtimeapi.Mount) error {
	if len(m.GetUidMappings())+len(m.GetGidMappings()) > 0 {
		return fmt.Errorf("mount %s: user mappings are not implemented", m.GetContainerPath())
	}
	source := m.GetHostPath()
	if !strings.HasPrefix(source, "/") {
		return fmt.Errorf("mount %s: host path %q is not absolute", m.GetContainerPath(), source)
	}
	var attr uint64
	bits, propagation := uint64(plan.BindRecursive), uint64(unix.MS_PRIVATE)
	if m.GetReadonly() {
		attr = readOnly
	}
	switch m.GetPropagation() {
	case runtimeapi.MountPropagation_PROPAGATION_HOST_TO_CONTAINER:
		propagation = unix.MS_SLAVE
	case runtimeapi.MountPropagation_PROPAGATION_BIDIRECTIONAL:
		propagation = unix.MS_SHARED
	}
	if m.GetReadonly() && !m.GetRecursiveReadOnly() {
		bits |= plan.BindTopOnly
	}
	p.AddNumbers(plan.Bind, attr, bits, propagation, source, filepath.Clean(m.GetContainerPath()))
	return nil
}
