package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

var signalNames = map[string]syscall.Signal{
	"HUP": syscall.SIGHUP, "INT": syscall.SIGINT, "QUIT": syscall.SIGQUIT, "KILL": syscall.SIGKILL, "USR1": syscall.SIGUSR1,
	"USR2": syscall.SIGUSR2, "TERM": syscall.SIGTERM, "CHLD": syscall.SIGCHLD, "CONT": syscall.SIGCONT, "STOP": syscall.SIGSTOP,
	"ALRM": syscall.SIGALRM, "WINCH": syscall.SIGWINCH, "ABRT": syscall.SIGABRT, "PIPE": syscall.SIGPIPE,
}

func parseSignal(text string) (syscall.Signal, error) {
	var n int
	if _, err := fmt.Sscanf(text, "%d", &n); err == nil {
		return syscall.Signal(n), nil
	}
	if s, ok := signalNames[strings.TrimPrefix(strings.ToUpper(text), "SIG")]; ok {
		return s, nil
	}
	return 0, fmt.Errorf("unknown signal %q", text)
}

// traps are the handlers that a script has set for signals.
type traps struct {
	mu  sync.Mutex // guards set
	set map[syscall.Signal]string
}

// intercept takes `trap COMMANDS SIGNAL…` from the shell, which itself knows
// only EXIT and ERR.
func (t *traps) intercept(_ context.Context, args []string) ([]string, error) {
	if args[0] == "kill" || args[0] == "umask" { // builtins that it only knows the names of
		return append([]string{"/bin/" + args[0]}, args[1:]...), nil
	}
	if args[0] != "trap" || len(args) < 3 || strings.HasPrefix(args[1], "-") && args[1] != "-" {
		return args, nil
	}
	left := []string{"trap", args[1]}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, name := range args[2:] {
		sig, err := parseSignal(name)
		if err != nil || name == "0" {
			left = append(left, name)
			continue
		}
		if args[1] == "-" {
			delete(t.set, sig)
		} else {
			t.set[sig] = args[1]
		}
	}
	if len(left) == 2 {
		return []string{"true"}, nil
	}
	return left, nil
}

// sh is the shell: sh -c COMMANDS [NAME ARGS…], sh FILE, or a session.
func sh(c *call) int {
	set, rest := c.flags("co")
	commands, isCommand := set['c']
	var in io.Reader = c.stdin
	name := "sh"
	if isCommand {
		in = strings.NewReader(commands)
		if len(rest) > 0 {
			rest = rest[1:]
		}
	} else if len(rest) > 0 {
		f, err := os.Open(c.path(rest[0]))
		if err != nil {
			return c.fail(err)
		}
		defer f.Close()
		in, name, rest = f, rest[0], rest[1:]
	}
	t := &traps{set: map[syscall.Signal]string{}}
	params := []string{"--"}
	if _, ok := set['e']; ok {
		params = []string{"-e", "--"}
	}
	options := []interp.RunnerOption{
		interp.StdIO(c.stdin, c.stdout, c.stderr), interp.Env(expand.ListEnviron(c.environ()...)),
		interp.ExecHandlers(func(interp.ExecHandlerFunc) interp.ExecHandlerFunc { return execHandler }),
		interp.CallHandler(t.intercept), interp.Params(append(params, rest...)...),
	}
	if c.dir != "" {
		options = append(options, interp.Dir(c.dir))
	}
	r, err := interp.New(options...)
	if err != nil {
		return c.fail(err)
	}
	if !isCommand && name == "sh" {
		return session(c, r, t)
	}
	file, err := syntax.NewParser().Parse(in, name)
	if err != nil {
		fmt.Fprintln(c.stderr, "sh:", err)
		return 2
	}
	return runTrapped(c, r, t, file)
}

// runTrapped runs the script; a signal with a trap ends what runs and runs the
// trap's commands, one without ends the shell.
func runTrapped(c *call, r *interp.Runner, t *traps, node syntax.Node) int {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGQUIT)
	defer signal.Stop(signals)
	ctx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx, node) }()
	select {
	case err := <-done:
		return exitCode(c, err)
	case s := <-signals:
		sig := s.(syscall.Signal)
		t.mu.Lock()
		commands, ok := t.set[sig]
		t.mu.Unlock()
		cancel()
		if !ok {
			return 128 + int(sig)
		}
		select {
		case <-done:
		case <-time.After(time.Second):
		}
		file, err := syntax.NewParser().Parse(strings.NewReader(commands), "trap")
		if err != nil {
			return c.fail(err)
		}
		if code := exitCode(c, r.Run(c.ctx, file)); code != 0 || r.Exited() {
			return code
		}
		return 128 + int(sig)
	}
}

func exitCode(c *call, err error) int {
	var status interp.ExitStatus
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		return int(status)
	}
	return c.fail(err)
}

// session reads commands one after another.
func session(c *call, r *interp.Runner, _ *traps) int {
	prompt := func() {
		if isTerminal(c.stdin) {
			fmt.Fprint(c.stdout, "# ")
		}
	}
	prompt()
	code := 0
	for stmts, err := range syntax.NewParser().InteractiveSeq(c.stdin) {
		if err != nil {
			fmt.Fprintln(c.stderr, "sh:", err)
			return 2
		}
		for _, s := range stmts {
			code = exitCode(c, r.Run(c.ctx, s))
			if r.Exited() {
				return code
			}
		}
		prompt()
	}
	return code
}

// execHandler runs applets within the shell, and everything else as a process.
func execHandler(ctx context.Context, args []string) error {
	h := interp.HandlerCtx(ctx)
	f := applets[filepath.Base(args[0])]
	if f == nil || strings.Contains(args[0], "/") && !strings.HasPrefix(args[0], "/bin/") {
		return interp.DefaultExecHandler(2*time.Second)(ctx, args)
	}
	c := &call{
		ctx: ctx, args: args[1:], stdin: h.Stdin, stdout: h.Stdout, stderr: h.Stderr, dir: h.Dir,
		env:     func(name string) string { return h.Env.Get(name).String() },
		environ: func() []string { return exported(h.Env) },
	}
	if c.stdin == nil {
		c.stdin = strings.NewReader("")
	}
	if code := f(c); code != 0 {
		return interp.ExitStatus(code)
	}
	return nil
}

func exported(e expand.Environ) []string {
	var list []string
	for name, v := range e.Each {
		if v.Exported && v.IsSet() {
			list = append(list, name+"="+v.String())
		}
	}
	return list
}

// run starts another program, for env, xargs and timeout.
func (c *call) run(ctx context.Context, args []string, extra []string) int {
	if f := applets[args[0]]; f != nil {
		inner := *c
		inner.ctx, inner.args = ctx, args[1:]
		if len(extra) > 0 {
			old := c.environ
			inner.environ = func() []string { return append(old(), extra...) }
		}
		return f(&inner)
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Dir = c.stdin, c.stdout, c.stderr, c.dir
	cmd.Env = append(c.environ(), extra...)
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	fmt.Fprintln(c.stderr, err)
	return 127
}
