// Package seccomp makes system call filters: the default profile of a
// container, and profiles in the JSON form of Docker and the OCI runtime
// specification.
package seccomp

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Profile is a filter in the form of the OCI runtime specification.
type Profile struct {
	DefaultAction   string `json:"defaultAction"`
	DefaultErrnoRet *uint  `json:"defaultErrnoRet,omitempty"`
	Syscalls        []Rule `json:"syscalls"`
}

// Rule is what is done on system calls, where their arguments match.
type Rule struct {
	Names    []string `json:"names"`
	Action   string   `json:"action"`
	ErrnoRet *uint    `json:"errnoRet,omitempty"`
	Args     []Arg    `json:"args,omitempty"`
}

// Arg is a condition on an argument.
type Arg struct {
	Index    uint   `json:"index"`
	Value    uint64 `json:"value"`
	ValueTwo uint64 `json:"valueTwo,omitempty"`
	Op       string `json:"op"` // SCMP_CMP_EQ, SCMP_CMP_NE or SCMP_CMP_MASKED_EQ
}

// Parse reads a profile. Fields that mean nothing on this machine, such as
// other architectures, are ignored.
func Parse(data []byte) (*Profile, error) {
	var p Profile
	if err := json.NewDecoder(bytes.NewReader(data)).Decode(&p); err != nil {
		return nil, fmt.Errorf("seccomp profile: %w", err)
	}
	if p.DefaultAction == "" {
		return nil, fmt.Errorf("seccomp profile: defaultAction is missing")
	}
	return &p, nil
}

// Default is the profile of a container that has these capabilities, by number.
func Default(has func(capability string) bool) *Profile {
	p := &Profile{DefaultAction: "SCMP_ACT_ERRNO"}
	allow := func(names string) {
		p.Syscalls = append(p.Syscalls, Rule{Names: strings.Fields(names), Action: "SCMP_ACT_ALLOW"})
	}
	allow(allowed)
	for capability, names := range byCapability {
		if has(capability) {
			allow(names)
		}
	}
	nosys := uint(unix.ENOSYS)
	if !has("SYS_ADMIN") {
		// New namespaces by clone; clone3's flags are out of a filter's sight,
		// so callers are made to fall back.
		const namespaces = unix.CLONE_NEWNS | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWUSER |
			unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWCGROUP
		p.Syscalls = append(p.Syscalls,
			Rule{Names: []string{"clone"}, Action: "SCMP_ACT_ALLOW", Args: []Arg{{Op: "SCMP_CMP_MASKED_EQ", Value: namespaces}}},
			Rule{Names: []string{"clone3"}, Action: "SCMP_ACT_ERRNO", ErrnoRet: &nosys})
	}
	for _, persona := range []uint64{0, 8, 0x20000, 0x20008, 0xffffffff} {
		p.Syscalls = append(p.Syscalls, Rule{Names: []string{"personality"}, Action: "SCMP_ACT_ALLOW", Args: []Arg{{Op: "SCMP_CMP_EQ", Value: persona}}})
	}
	// Every family but AF_VSOCK, which reaches the machine's host.
	p.Syscalls = append(p.Syscalls, Rule{Names: []string{"socket"}, Action: "SCMP_ACT_ALLOW", Args: []Arg{{Op: "SCMP_CMP_NE", Value: unix.AF_VSOCK}}})
	return p
}

var byCapability = map[string]string{
	"SYS_ADMIN": "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount mount_setattr move_mount " +
		"open_tree perf_event_open quotactl quotactl_fd setdomainname sethostname setns syslog umount umount2 unshare",
	"DAC_READ_SEARCH": "open_by_handle_at",
	"SYS_BOOT":        "reboot",
	"SYS_CHROOT":      "chroot",
	"SYS_MODULE":      "delete_module init_module finit_module",
	"SYS_PACCT":       "acct",
	"SYS_PTRACE":      "kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev",
	"SYS_RAWIO":       "iopl ioperm",
	"SYS_TIME":        "settimeofday stime clock_settime clock_settime64",
	"SYS_TTY_CONFIG":  "vhangup",
	"SYS_NICE":        "get_mempolicy mbind set_mempolicy set_mempolicy_home_node",
	"SYSLOG":          "syslog",
	"BPF":             "bpf",
	"PERFMON":         "perf_event_open",
}

// Offsets in struct seccomp_data.
const (
	offsetNumber = 0
	offsetArch   = 4
	offsetArgs   = 16
)

var actions = map[string]uint32{
	"SCMP_ACT_KILL": 0, "SCMP_ACT_KILL_THREAD": 0, "SCMP_ACT_KILL_PROCESS": 0x80000000, "SCMP_ACT_TRAP": 0x30000,
	"SCMP_ACT_ERRNO": 0x50000, "SCMP_ACT_LOG": 0x7ffc0000, "SCMP_ACT_ALLOW": 0x7fff0000,
}

func action(name string, errno *uint) (uint32, error) {
	a, ok := actions[name]
	if !ok {
		return 0, fmt.Errorf("seccomp profile: action %q is not supported", name)
	}
	if name == "SCMP_ACT_ERRNO" {
		a |= uint32(unix.EPERM)
		if errno != nil {
			a = actions[name] | uint32(*errno)&0xffff
		}
	}
	return a, nil
}

// Assemble returns the program as the kernel takes it, an array of struct
// sock_filter.
//
//	another architecture          -> ENOSYS
//	calls with argument rules     -> a block for each: first match, else the default
//	all other calls of the table  -> by ranges of numbers with one action
//	calls newer than the table    -> ENOSYS, so that programs fall back
func (p *Profile) Assemble() ([]byte, error) {
	usual, err := action(p.DefaultAction, p.DefaultErrnoRet)
	if err != nil {
		return nil, err
	}
	nosys := actions["SCMP_ACT_ERRNO"] | uint32(unix.ENOSYS)
	if p.DefaultAction == "SCMP_ACT_ALLOW" || p.DefaultAction == "SCMP_ACT_LOG" {
		nosys = usual
	}
	plain, blocks, err := p.sort(usual)
	if err != nil {
		return nil, err
	}
	program := []bpf.Instruction{
		bpf.LoadAbsolute{Off: offsetArch, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: auditArch, SkipTrue: 1},
		bpf.RetConstant{Val: actions["SCMP_ACT_ERRNO"] | uint32(unix.ENOSYS)},
		bpf.LoadAbsolute{Off: offsetNumber, Size: 4},
	}
	for _, b := range blocks {
		program = append(program, b...)
	}
	program = append(program, ranges(plain, usual, nosys)...)
	raw, err := bpf.Assemble(program)
	if err != nil {
		return nil, fmt.Errorf("seccomp profile: %w", err)
	}
	if len(raw) > 4096 {
		return nil, fmt.Errorf("seccomp profile: %d instructions, the kernel takes 4096", len(raw))
	}
	var out []byte
	for _, i := range raw {
		out = binary.NativeEndian.AppendUint16(out, i.Op)
		out = append(out, i.Jt, i.Jf)
		out = binary.NativeEndian.AppendUint32(out, i.K)
	}
	return out, nil
}

// sort separates calls whose action depends on the number alone from those
// with argument rules. A rule without arguments beats those with.
func (p *Profile) sort(usual uint32) (plain map[uint32]uint32, blocks [][]bpf.Instruction, err error) {
	plain = map[uint32]uint32{}
	args := map[uint32][]Rule{}
	for _, r := range p.Syscalls {
		a, err := action(r.Action, r.ErrnoRet)
		if err != nil {
			return nil, nil, err
		}
		for _, name := range r.Names {
			n, known := numbers[name]
			switch {
			case !known: // another architecture's, or a future one
			case len(r.Args) == 0:
				plain[n] = a
			default:
				args[n] = append(args[n], r)
			}
		}
	}
	var order []uint32
	for n := range args {
		if _, ok := plain[n]; !ok {
			order = append(order, n)
		}
	}
	slices.Sort(order)
	for _, n := range order {
		b, err := block(n, args[n], usual)
		if err != nil {
			return nil, nil, err
		}
		blocks = append(blocks, b)
	}
	return plain, blocks, nil
}

// ranges is a chain over the numbers in order.
func ranges(plain map[uint32]uint32, usual, nosys uint32) []bpf.Instruction {
	var order []uint32
	last := uint32(0)
	for n := range plain {
		order = append(order, n)
	}
	for _, n := range numbers {
		last = max(last, n)
	}
	slices.Sort(order)
	var out []bpf.Instruction
	for i := 0; i < len(order); {
		j := i
		for j+1 < len(order) && order[j+1] == order[j]+1 && plain[order[j+1]] == plain[order[i]] {
			j++
		}
		out = append(out,
			bpf.JumpIf{Cond: bpf.JumpLessThan, Val: order[i], SkipFalse: 1}, bpf.RetConstant{Val: usual},
			bpf.JumpIf{Cond: bpf.JumpLessOrEqual, Val: order[j], SkipFalse: 1}, bpf.RetConstant{Val: plain[order[i]]})
		i = j + 1
	}
	return append(out, bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: last, SkipFalse: 1}, bpf.RetConstant{Val: nosys}, bpf.RetConstant{Val: usual})
}
