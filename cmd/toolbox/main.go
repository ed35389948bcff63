// Command toolbox is one static program that is many: the small image
// minke.local/toolbox, which every node carries, holds it under each of its
// names. It serves and asks (HTTP, TCP, UDP, DNS), looks at its pod (files,
// mounts, addresses, processes), and has a shell, so that demonstrations and
// tests need no registry.
//
// Without arguments it serves HTTP on port 8080.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// call is one run of an applet: by the shell, or as the program.
type call struct {
	ctx            context.Context
	args           []string // without the name
	stdin          io.Reader
	stdout, stderr io.Writer
	dir            string // what relative paths are relative to
	env            func(string) string
	environ        func() []string
}

// path resolves a relative path.
func (c *call) path(p string) string {
	if filepath.IsAbs(p) || c.dir == "" {
		return p
	}
	return filepath.Join(c.dir, p)
}

// fail prints the error and is exit code 1.
func (c *call) fail(err error) int {
	fmt.Fprintln(c.stderr, err)
	return 1
}

// applets by name. The tiny program has sleep, true, false and pause; they are
// here for the shell.
var applets map[string]func(*call) int

func init() {
	applets = map[string]func(*call) int{
		"basename": basename, "cat": cat, "chmod": chmod, "cp": cp, "cut": cut, "date": date, "df": df, "dig": nslookup,
		"dirname": dirname, "echo": echo, "env": env, "exit": exit, "false": func(*call) int { return 1 }, "fetch": fetch,
		"curl": fetch, "grep": grep, "head": head, "hostname": hostname, "httpd": serve, "id": id, "ip": ip, "kill": kill,
		"ln": ln, "ls": ls, "md5sum": md5sum, "mkdir": mkdir, "mount": mounts, "mv": mv, "nc": nc, "nslookup": nslookup,
		"printenv": env, "printf": printf, "ps": ps, "pwd": pwd, "readlink": readlink, "rm": rm, "seq": seq, "serve": serve,
		"sh": sh, "sha256sum": sha256sum, "sleep": sleep, "sort": sortLines, "stat": stat, "stress": stress, "sync": func(*call) int { return 0 },
		"tail": tail, "tar": tarApplet, "tcp-echo": tcpEcho, "tee": tee, "test": test, "[": test, "touch": touch, "tr": tr,
		"true": func(*call) int { return 0 }, "tty": tty, "udp-echo": udpEcho, "umask": umask, "uname": uname, "uniq": uniq, "wc": wc,
		"wget": wget, "whoami": whoami, "xargs": xargs, "rmdir": rmdir, "dd": dd, "nproc": nproc, "timeout": timeout,
		"toolbox": toolbox,
	}
}

func main() {
	name := filepath.Base(os.Args[0])
	args := os.Args[1:]
	f := applets[name]
	if f == nil || name == "toolbox" {
		f = toolbox
	}
	c := &call{
		args: args, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		env: os.Getenv, environ: os.Environ,
	}
	c.ctx = context.Background()
	if name != "sh" && (len(args) == 0 || args[0] != "sh") {
		// A first process without a handler would not see the signal at all.
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
		ctx, cancel := context.WithCancel(c.ctx)
		c.ctx = ctx
		go func() {
			s := <-signals
			cancel()
			if name != "httpd" && name != "serve" && name != "toolbox" {
				os.Exit(128 + int(s.(syscall.Signal)))
			}
		}()
	}
	os.Exit(f(c))
}

// toolbox runs the applet that its first argument names.
func toolbox(c *call) int {
	if len(c.args) == 0 {
		return serve(c)
	}
	if c.args[0] == "--list" {
		names := []string{}
		for n := range applets {
			names = append(names, n)
		}
		slices.Sort(names)
		fmt.Fprintln(c.stdout, strings.Join(names, "\n"))
		return 0
	}
	f := applets[c.args[0]]
	if f == nil {
		fmt.Fprintf(c.stderr, "toolbox: no applet %q; toolbox --list shows all\n", c.args[0])
		return 127
	}
	inner := *c
	inner.args = c.args[1:]
	return f(&inner)
}

// flags splits leading single-letter flags off: "-rf x" gives "rf" and [x].
// Letters in withValue take the rest of their word, or the next one.
func (c *call) flags(withValue string) (set map[byte]string, rest []string) {
	set = map[byte]string{}
	args := c.args
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		word := args[0][1:]
		args = args[1:]
		if word == "-" {
			break
		}
		for len(word) > 0 {
			letter := word[0]
			word = word[1:]
			if strings.IndexByte(withValue, letter) < 0 {
				set[letter] = "y"
				continue
			}
			if word == "" && len(args) > 0 {
				word, args = args[0], args[1:]
			}
			set[letter] = word
			word = ""
		}
	}
	return set, args
}
