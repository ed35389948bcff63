package seccomp

import (
	"encoding/binary"
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// run is what the kernel would decide. The kernel reads its own byte order, the
// virtual machine the network's.
func run(t *testing.T, p *Profile, call string, args ...uint64) uint32 {
	t.Helper()
	raw, err := p.Assemble()
	if err != nil {
		t.Fatal(err)
	}
	var program []bpf.RawInstruction
	for i := 0; i < len(raw); i += 8 {
		program = append(program, bpf.RawInstruction{Op: binary.NativeEndian.Uint16(raw[i:]), Jt: raw[i+2], Jf: raw[i+3], K: binary.NativeEndian.Uint32(raw[i+4:])})
	}
	all, ok := bpf.Disassemble(program)
	if !ok {
		t.Fatal("the program has unknown instructions")
	}
	vm, err := bpf.NewVM(all)
	if err != nil {
		t.Fatal(err)
	}
	number, known := numbers[call]
	if !known {
		number = 100000
	}
	data := make([]byte, 64)
	binary.BigEndian.PutUint32(data[offsetNumber:], number)
	binary.BigEndian.PutUint32(data[offsetArch:], auditArch)
	for i, a := range args {
		binary.BigEndian.PutUint32(data[offsetArgs+8*i:], uint32(a))
		binary.BigEndian.PutUint32(data[offsetArgs+8*i+4:], uint32(a>>32))
	}
	got, err := vm.Run(data)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(got)
}

func TestDefault(t *testing.T) {
	const allow = 0x7fff0000
	eperm, enosys := uint32(0x50000|unix.EPERM), uint32(0x50000|unix.ENOSYS)
	none := Default(func(string) bool { return false })
	admin := Default(func(c string) bool { return c == "SYS_ADMIN" })
	for _, tc := range []struct {
		profile *Profile
		call    string
		args    []uint64
		want    uint32
	}{
		{none, "read", nil, allow}, {none, "openat", nil, allow}, {none, "execve", nil, allow}, {none, "rt_sigreturn", nil, allow},
		{none, "mount", nil, eperm}, {none, "bpf", nil, eperm}, {none, "keyctl", nil, eperm}, {none, "kexec_load", nil, eperm},
		{none, "unshare", nil, eperm}, {none, "init_module", nil, eperm}, {none, "io_uring_setup", nil, eperm},
		{none, "clone", []uint64{unix.CLONE_VM | unix.CLONE_THREAD}, allow}, {none, "clone", []uint64{unix.CLONE_NEWUSER}, eperm},
		{none, "clone3", nil, enosys}, {none, "a call of the future", nil, enosys},
		{none, "socket", []uint64{unix.AF_INET}, allow}, {none, "socket", []uint64{unix.AF_VSOCK}, eperm},
		{none, "personality", []uint64{0}, allow}, {none, "personality", []uint64{0x40000}, eperm}, {none, "personality", []uint64{1 << 32}, eperm},
		{admin, "mount", nil, allow}, {admin, "clone", []uint64{unix.CLONE_NEWUSER}, allow}, {admin, "clone3", nil, allow}, {admin, "reboot", nil, eperm},
	} {
		if got := run(t, tc.profile, tc.call, tc.args...); got != tc.want {
			t.Errorf("%s%v: %#x, want %#x", tc.call, tc.args, got, tc.want)
		}
	}
}

func TestParse(t *testing.T) {
	p, err := Parse([]byte(`{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86_64"],"syscalls":[
		{"names":["chmod","fchmod"],"action":"SCMP_ACT_ERRNO","errnoRet":13},
		{"names":["kill"],"action":"SCMP_ACT_KILL","args":[{"index":1,"value":9,"op":"SCMP_CMP_EQ"}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		call string
		args []uint64
		want uint32
	}{{"fchmod", nil, 0x5000d}, {"read", nil, 0x7fff0000}, {"kill", []uint64{1, 9}, 0}, {"kill", []uint64{1, 15}, 0x7fff0000}} {
		if got := run(t, p, tc.call, tc.args...); got != tc.want {
			t.Errorf("%s%v: %#x, want %#x", tc.call, tc.args, got, tc.want)
		}
	}
	for _, bad := range []string{`{`, `{}`, `{"defaultAction":"SCMP_ACT_NOTIFY"}`} {
		p, err := Parse([]byte(bad))
		if err == nil {
			_, err = p.Assemble()
		}
		if err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
}
