package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func exit(c *call) int {
	n := 0
	if len(c.args) > 0 {
		n, _ = strconv.Atoi(c.args[0])
	}
	return n & 255
}

func sleep(c *call) int {
	var d time.Duration
	for _, a := range c.args {
		if _, err := strconv.ParseFloat(a, 64); err == nil {
			a += "s"
		}
		one, err := time.ParseDuration(a)
		if a == "infinity" {
			one, err = 1<<62, nil
		}
		if err != nil {
			return c.fail(err)
		}
		d += one
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return 0
	case <-c.ctx.Done():
		return 143
	}
}

func date(c *call) int {
	now := time.Now()
	set, rest := c.flags("d")
	if set['u'] != "" {
		now = now.UTC()
	}
	if len(rest) == 0 {
		fmt.Fprintln(c.stdout, now.Format("Mon Jan _2 15:04:05 MST 2006"))
		return 0
	}
	f := strings.NewReplacer("%Y", "2006", "%m", "01", "%d", "02", "%H", "15", "%M", "04", "%S", "05", "%F", "2006-01-02", "%T", "15:04:05",
		"%N", "000000000", "%Z", "MST", "%z", "-0700", "%b", "Jan", "%a", "Mon")
	text := strings.TrimPrefix(rest[0], "+")
	text = strings.ReplaceAll(text, "%s", strconv.FormatInt(now.Unix(), 10))
	if strings.Contains(text, "%") {
		text = strings.ReplaceAll(text, "%N", fmt.Sprintf("%09d", now.Nanosecond()))
		text = now.Format(f.Replace(text))
	}
	fmt.Fprintln(c.stdout, text)
	return 0
}

// env shows the environment, one variable, or runs a command with more of it.
func env(c *call) int {
	args := c.args
	var extra []string
	for len(args) > 0 && strings.Contains(args[0], "=") {
		extra, args = append(extra, args[0]), args[1:]
	}
	if len(args) == 0 {
		for _, e := range append(c.environ(), extra...) {
			fmt.Fprintln(c.stdout, e)
		}
		return 0
	}
	for _, e := range c.environ() { // printenv NAME
		if v, ok := strings.CutPrefix(e, args[0]+"="); ok && len(args) == 1 {
			fmt.Fprintln(c.stdout, v)
			return 0
		}
	}
	return c.run(c.ctx, args, extra)
}

func id(c *call) int {
	set, _ := c.flags("")
	groups, err := os.Getgroups()
	if err != nil {
		return c.fail(err)
	}
	all := []string{strconv.Itoa(os.Getegid())}
	for _, g := range groups {
		if g != os.Getegid() {
			all = append(all, strconv.Itoa(g))
		}
	}
	switch {
	case set['u'] != "":
		fmt.Fprintln(c.stdout, os.Geteuid())
	case set['g'] != "":
		fmt.Fprintln(c.stdout, os.Getegid())
	case set['G'] != "":
		fmt.Fprintln(c.stdout, strings.Join(all, " "))
	default:
		fmt.Fprintf(c.stdout, "uid=%d gid=%d groups=%s\n", os.Geteuid(), os.Getegid(), strings.Join(all, ","))
	}
	return 0
}

func whoami(c *call) int {
	data, _ := os.ReadFile("/etc/passwd")
	for l := range strings.Lines(string(data)) {
		if f := strings.Split(l, ":"); len(f) > 2 && f[2] == strconv.Itoa(os.Geteuid()) {
			fmt.Fprintln(c.stdout, f[0])
			return 0
		}
	}
	fmt.Fprintln(c.stdout, os.Geteuid())
	return 0
}

func hostname(c *call) int {
	set, _ := c.flags("")
	if set['i'] != "" || set['I'] != "" {
		fmt.Fprintln(c.stdout, strings.Join(addresses(), " "))
		return 0
	}
	h, err := os.Hostname()
	if err != nil {
		return c.fail(err)
	}
	fmt.Fprintln(c.stdout, h)
	return 0
}

// addresses are the pod's own, without loopback and link-local ones.
func addresses() []string {
	var list []string
	all, _ := net.InterfaceAddrs()
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() {
			list = append(list, n.IP.String())
		}
	}
	return list
}

func ip(c *call) int {
	if len(c.args) > 0 && strings.HasPrefix(c.args[0], "r") {
		data, err := os.ReadFile("/proc/net/route")
		if err != nil {
			return c.fail(err)
		}
		fmt.Fprint(c.stdout, string(data))
		return 0
	}
	links, err := net.Interfaces()
	if err != nil {
		return c.fail(err)
	}
	for _, l := range links {
		fmt.Fprintf(c.stdout, "%d: %s: <%s> mtu %d\n", l.Index, l.Name, strings.ToUpper(strings.ReplaceAll(l.Flags.String(), "|", ",")), l.MTU)
		if len(l.HardwareAddr) > 0 {
			fmt.Fprintf(c.stdout, "    link/ether %s\n", l.HardwareAddr)
		}
		addrs, err := l.Addrs()
		if err != nil {
			return c.fail(err)
		}
		for _, a := range addrs {
			family := "inet"
			if strings.Contains(a.String(), ":") {
				family = "inet6"
			}
			fmt.Fprintf(c.stdout, "    %s %s\n", family, a)
		}
	}
	return 0
}

func mounts(c *call) int {
	data, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return c.fail(err)
	}
	for l := range strings.Lines(string(data)) {
		if f := strings.Fields(l); len(f) >= 4 {
			fmt.Fprintf(c.stdout, "%s on %s type %s (%s)\n", f[0], f[1], f[2], f[3])
		}
	}
	return 0
}

func df(c *call) int {
	_, rest := c.flags("")
	if len(rest) == 0 {
		rest = []string{"/"}
	}
	return c.each(rest, func(p string) error {
		var s unix.Statfs_t
		if err := unix.Statfs(p, &s); err != nil {
			return err
		}
		unit := uint64(s.Bsize)
		fmt.Fprintf(c.stdout, "%d %d %d %s\n", s.Blocks*unit/1024, (s.Blocks-s.Bfree)*unit/1024, s.Bavail*unit/1024, p)
		return nil
	})
}

func ps(c *call) int {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return c.fail(err)
	}
	fmt.Fprintln(c.stdout, "PID   USER  COMMAND")
	for _, d := range dirs {
		line, err := os.ReadFile(d + "/cmdline")
		if err != nil {
			continue
		}
		text := strings.TrimSpace(strings.ReplaceAll(string(line), "\x00", " "))
		if text == "" {
			comm, _ := os.ReadFile(d + "/comm")
			text = "[" + strings.TrimSpace(string(comm)) + "]"
		}
		var st syscall.Stat_t
		_ = syscall.Stat(d, &st)
		fmt.Fprintf(c.stdout, "%5s %5d %s\n", filepath.Base(d), st.Uid, text)
	}
	return 0
}

func kill(c *call) int {
	args, sig := c.args, syscall.SIGTERM
	if len(args) > 1 && strings.HasPrefix(args[0], "-") {
		name := strings.TrimPrefix(args[0], "-")
		args = args[1:]
		if name == "s" {
			name, args = args[0], args[1:]
		}
		var err error
		if sig, err = parseSignal(name); err != nil {
			return c.fail(err)
		}
	}
	code := 0
	for _, a := range args {
		pid, err := strconv.Atoi(a)
		if err == nil {
			err = syscall.Kill(pid, sig)
		}
		if err != nil {
			fmt.Fprintf(c.stderr, "kill: %s: %v\n", a, err)
			code = 1
		}
	}
	return code
}

func pwd(c *call) int {
	d := c.dir
	if d == "" {
		d, _ = os.Getwd()
	}
	fmt.Fprintln(c.stdout, d)
	return 0
}

func uname(c *call) int {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return c.fail(err)
	}
	set, _ := c.flags("")
	text := func(b []byte) string { return unix.ByteSliceToString(b) }
	switch {
	case set['a'] != "":
		fmt.Fprintln(c.stdout, text(u.Sysname[:]), text(u.Nodename[:]), text(u.Release[:]), text(u.Version[:]), text(u.Machine[:]))
	case set['r'] != "":
		fmt.Fprintln(c.stdout, text(u.Release[:]))
	case set['m'] != "":
		fmt.Fprintln(c.stdout, text(u.Machine[:]))
	case set['n'] != "":
		fmt.Fprintln(c.stdout, text(u.Nodename[:]))
	default:
		fmt.Fprintln(c.stdout, text(u.Sysname[:]))
	}
	return 0
}

func umask(c *call) int {
	old := syscall.Umask(0)
	syscall.Umask(old)
	fmt.Fprintf(c.stdout, "%04o\n", old)
	return 0
}

func nproc(c *call) int {
	fmt.Fprintln(c.stdout, runtime.NumCPU())
	return 0
}

func isTerminal(r io.Reader) bool {
	f, ok := r.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

func tty(c *call) int {
	if !isTerminal(c.stdin) {
		fmt.Fprintln(c.stdout, "not a tty")
		return 1
	}
	name, err := os.Readlink("/proc/self/fd/0")
	if err != nil {
		return c.fail(err)
	}
	fmt.Fprintln(c.stdout, name)
	return 0
}

func timeout(c *call) int {
	_, rest := c.flags("ks")
	if len(rest) < 2 {
		return c.fail(errors.New("usage: timeout DURATION COMMAND…"))
	}
	text := rest[0]
	if _, err := strconv.Atoi(text); err == nil {
		text += "s"
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return c.fail(err)
	}
	ctx, cancel := context.WithTimeout(c.ctx, d)
	defer cancel()
	code := c.run(ctx, rest[1:], nil)
	if ctx.Err() != nil {
		return 124
	}
	return code
}

// stress uses CPU and memory: --cpu N --vm-bytes SIZE --timeout DURATION.
func stress(c *call) int {
	o := map[string]string{"cpu": "0", "vm-bytes": "0", "timeout": "876000h"}
	for i := 0; i+1 < len(c.args); i += 2 {
		o[strings.TrimLeft(c.args[i], "-")] = c.args[i+1]
	}
	cpus, err1 := strconv.Atoi(o["cpu"])
	bytes, err2 := size(o["vm-bytes"])
	if _, err := strconv.Atoi(o["timeout"]); err == nil {
		o["timeout"] += "s"
	}
	d, err3 := time.ParseDuration(o["timeout"])
	if err := errors.Join(err1, err2, err3); err != nil {
		return c.fail(err)
	}
	ctx, cancel := context.WithTimeout(c.ctx, d)
	defer cancel()
	for range cpus {
		go func() {
			for ctx.Err() == nil {
				for i := 0; i < 1<<20; i++ {
					_ = i * i
				}
			}
		}()
	}
	memory := make([]byte, bytes)
	for i := 0; i < len(memory); i += 4096 {
		memory[i] = 1
	}
	<-ctx.Done()
	runtime.KeepAlive(memory)
	return 0
}

// test is test(1) and [.
func test(c *call) int {
	args := c.args
	if n := len(args); n > 0 && args[n-1] == "]" {
		args = args[:n-1]
	}
	not := false
	for len(args) > 1 && args[0] == "!" {
		not, args = !not, args[1:]
	}
	if c.truth(args) != not {
		return 0
	}
	return 1
}

func (c *call) truth(a []string) bool {
	switch len(a) {
	case 0:
		return false
	case 1:
		return a[0] != ""
	case 2:
		return c.unary(a[0], a[1])
	}
	x, _ := strconv.Atoi(a[0])
	y, _ := strconv.Atoi(a[2])
	switch a[1] {
	case "=", "==":
		return a[0] == a[2]
	case "!=":
		return a[0] != a[2]
	case "-eq":
		return x == y
	case "-ne":
		return x != y
	case "-lt":
		return x < y
	case "-le":
		return x <= y
	case "-gt":
		return x > y
	case "-ge":
		return x >= y
	}
	return false
}

func (c *call) unary(op, arg string) bool {
	info, err := os.Stat(c.path(arg))
	switch op {
	case "-n":
		return arg != ""
	case "-z":
		return arg == ""
	case "-e":
		return err == nil
	case "-f":
		return err == nil && info.Mode().IsRegular()
	case "-d":
		return err == nil && info.IsDir()
	case "-s":
		return err == nil && info.Size() > 0
	case "-L", "-h":
		info, err := os.Lstat(c.path(arg))
		return err == nil && info.Mode()&os.ModeSymlink != 0
	case "-S":
		return err == nil && info.Mode()&os.ModeSocket != 0
	case "-r":
		return unix.Access(c.path(arg), unix.R_OK) == nil
	case "-w":
		return unix.Access(c.path(arg), unix.W_OK) == nil
	case "-x":
		return unix.Access(c.path(arg), unix.X_OK) == nil
	}
	return false
}
