package main

import (
	"crypto/md5"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// each runs f for every path, reports errors, and returns the exit code.
func (c *call) each(paths []string, f func(string) error) int {
	code := 0
	for _, p := range paths {
		if err := f(c.path(p)); err != nil {
			fmt.Fprintln(c.stderr, err)
			code = 1
		}
	}
	return code
}

// inputs opens the files in turn, or the standard input when there are none.
func (c *call) inputs(paths []string, f func(name string, r io.Reader) error) int {
	if len(paths) == 0 {
		paths = []string{"-"}
	}
	code := 0
	for _, p := range paths {
		err := func() error {
			if p == "-" {
				return f(p, c.stdin)
			}
			file, err := os.Open(c.path(p))
			if err != nil {
				return err
			}
			defer file.Close()
			return f(p, file)
		}()
		if err != nil {
			fmt.Fprintln(c.stderr, err)
			code = 1
		}
	}
	return code
}

func cat(c *call) int {
	_, rest := c.flags("")
	return c.inputs(rest, func(_ string, r io.Reader) error {
		_, err := io.Copy(c.stdout, r)
		return err
	})
}

func chmod(c *call) int {
	set, rest := map[byte]string{}, c.args
	if len(rest) > 0 && rest[0] == "-R" {
		set['R'], rest = "y", rest[1:]
	}
	if len(rest) < 2 {
		return c.fail(errors.New("usage: chmod [-R] MODE FILE…"))
	}
	apply := func(p string) error {
		info, err := os.Stat(p)
		if err != nil {
			return err
		}
		mode, err := changedMode(rest[0], info)
		if err != nil {
			return err
		}
		return syscall.Chmod(p, mode)
	}
	return c.each(rest[1:], func(p string) error {
		if set['R'] == "" {
			return apply(p)
		}
		return filepath.WalkDir(p, func(name string, _ fs.DirEntry, err error) error { return errors.Join(err, apply(name)) })
	})
}

// changedMode reads 0755 and u+x,go-w alike.
func changedMode(text string, info fs.FileInfo) (uint32, error) {
	if n, err := strconv.ParseUint(text, 8, 32); err == nil {
		return uint32(n), nil
	}
	mode := uint32(info.Mode().Perm())
	for _, part := range strings.Split(text, ",") {
		i := strings.IndexAny(part, "+-=")
		if i < 0 {
			return 0, fmt.Errorf("chmod: invalid mode %q", text)
		}
		var who, bits uint32
		for _, w := range part[:i] {
			who |= map[rune]uint32{'u': 0o700, 'g': 0o070, 'o': 0o007, 'a': 0o777}[w]
		}
		if who == 0 {
			who = 0o777
		}
		for _, b := range part[i+1:] {
			bits |= map[rune]uint32{'r': 0o444, 'w': 0o222, 'x': 0o111}[b]
		}
		switch part[i] {
		case '+':
			mode |= who & bits
		case '-':
			mode &^= who & bits
		case '=':
			mode = mode&^who | who&bits
		}
	}
	return mode, nil
}

// target is where a source goes: into the destination if that is a directory.
func target(source, dest string) string {
	if info, err := os.Stat(dest); err == nil && info.IsDir() {
		return filepath.Join(dest, filepath.Base(source))
	}
	return dest
}

func cp(c *call) int {
	_, rest := c.flags("")
	if len(rest) < 2 {
		return c.fail(errors.New("usage: cp [-r] SOURCE… DEST"))
	}
	dest := c.path(rest[len(rest)-1])
	return c.each(rest[:len(rest)-1], func(p string) error { return copyTree(p, target(p, dest)) })
}

func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		there := to + strings.TrimPrefix(name, from)
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		if info.IsDir() {
			return os.MkdirAll(there, info.Mode().Perm())
		}
		in, err := os.Open(name)
		if err != nil {
			return err
		}
		defer in.Close()
		out, err := os.OpenFile(there, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, info.Mode().Perm())
		if err != nil {
			return err
		}
		_, err = io.Copy(out, in)
		return errors.Join(err, out.Close())
	})
}

func mv(c *call) int {
	_, rest := c.flags("")
	if len(rest) < 2 {
		return c.fail(errors.New("usage: mv SOURCE… DEST"))
	}
	dest := c.path(rest[len(rest)-1])
	return c.each(rest[:len(rest)-1], func(p string) error {
		to := target(p, dest)
		err := os.Rename(p, to)
		if errors.Is(err, syscall.EXDEV) {
			if err = copyTree(p, to); err == nil {
				err = os.RemoveAll(p)
			}
		}
		return err
	})
}

func ln(c *call) int {
	set, rest := c.flags("")
	if len(rest) != 2 {
		return c.fail(errors.New("usage: ln [-sf] TARGET NAME"))
	}
	name := target(rest[0], c.path(rest[1]))
	if set['f'] != "" {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return c.fail(err)
		}
	}
	err := error(nil)
	if set['s'] != "" {
		err = os.Symlink(rest[0], name)
	} else {
		err = os.Link(c.path(rest[0]), name)
	}
	if err != nil {
		return c.fail(err)
	}
	return 0
}

func rm(c *call) int {
	set, rest := c.flags("")
	return c.each(rest, func(p string) error {
		err := error(nil)
		if set['r'] != "" || set['R'] != "" {
			err = os.RemoveAll(p)
		} else {
			err = os.Remove(p)
		}
		if set['f'] != "" && errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
}

func rmdir(c *call) int { return c.each(c.args, os.Remove) }

func mkdir(c *call) int {
	set, rest := c.flags("m")
	mode := uint64(0o777)
	if set['m'] != "" {
		mode, _ = strconv.ParseUint(set['m'], 8, 32)
	}
	return c.each(rest, func(p string) error {
		if set['p'] != "" {
			return os.MkdirAll(p, fs.FileMode(mode))
		}
		return os.Mkdir(p, fs.FileMode(mode))
	})
}

func touch(c *call) int {
	_, rest := c.flags("")
	return c.each(rest, func(p string) error {
		f, err := os.OpenFile(p, os.O_CREATE|os.O_WRONLY, 0o666)
		if err != nil {
			return err
		}
		now := time.Now()
		return errors.Join(f.Close(), os.Chtimes(p, now, now))
	})
}

func readlink(c *call) int {
	set, rest := c.flags("")
	return c.each(rest, func(p string) error {
		to, err := os.Readlink(p)
		if set['f'] != "" {
			to, err = filepath.EvalSymlinks(p)
		}
		if err == nil {
			fmt.Fprintln(c.stdout, to)
		}
		return err
	})
}

func ls(c *call) int {
	set, rest := c.flags("")
	if len(rest) == 0 {
		rest = []string{"."}
	}
	show := func(name string, info fs.FileInfo, dir string) {
		if set['l'] == "" && set['n'] == "" {
			fmt.Fprintln(c.stdout, name)
			return
		}
		st := info.Sys().(*syscall.Stat_t)
		link := ""
		if to, err := os.Readlink(filepath.Join(dir, filepath.Base(name))); err == nil {
			link = " -> " + to
		}
		fmt.Fprintf(c.stdout, "%s %4d %-8d %-8d %10d %s %s%s\n", modeText(info.Mode()), st.Nlink, st.Uid, st.Gid, info.Size(),
			info.ModTime().UTC().Format("Jan _2 15:04"), name, link)
	}
	return c.each(rest, func(p string) error {
		info, err := os.Lstat(p)
		if err != nil {
			return fmt.Errorf("ls: %w", err)
		}
		if !info.IsDir() || set['d'] != "" {
			show(p, info, filepath.Dir(p))
			return nil
		}
		entries, err := os.ReadDir(p)
		if err != nil {
			return fmt.Errorf("ls: %w", err)
		}
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), ".") && set['a'] == "" && set['A'] == "" {
				continue
			}
			if info, err := e.Info(); err == nil {
				show(e.Name(), info, p)
			}
		}
		return nil
	})
}

// modeText is what ls -l shows: drwxr-xr-x, with s and t where they are set.
func modeText(m fs.FileMode) string {
	b := []byte(m.Perm().String())
	switch {
	case m.IsDir():
		b[0] = 'd'
	case m&fs.ModeSymlink != 0:
		b[0] = 'l'
	case m&fs.ModeCharDevice != 0:
		b[0] = 'c'
	case m&fs.ModeDevice != 0:
		b[0] = 'b'
	case m&fs.ModeNamedPipe != 0:
		b[0] = 'p'
	case m&fs.ModeSocket != 0:
		b[0] = 's'
	}
	mark := func(at int, set bool, x, plain byte) {
		if set && b[at] == 'x' {
			b[at] = x
		} else if set {
			b[at] = plain
		}
	}
	mark(3, m&fs.ModeSetuid != 0, 's', 'S')
	mark(6, m&fs.ModeSetgid != 0, 's', 'S')
	mark(9, m&fs.ModeSticky != 0, 't', 'T')
	return string(b)
}

// stat shows a file; -c FORMAT knows %a %A %f %F %g %G %i %n %s %u %U %Y.
func stat(c *call) int {
	set, rest := c.flags("c")
	return c.each(rest, func(p string) error {
		info, err := os.Lstat(p)
		if set['L'] != "" {
			info, err = os.Stat(p)
		}
		if err != nil {
			return err
		}
		st := info.Sys().(*syscall.Stat_t)
		format := set['c']
		if format == "" {
			format = "  File: %n\n  Size: %s\tInode: %i\nAccess: (%a/%A)  Uid: %u  Gid: %g\nModify: %Y"
		}
		kinds := map[uint32]string{syscall.S_IFREG: "regular file", syscall.S_IFDIR: "directory", syscall.S_IFLNK: "symbolic link",
			syscall.S_IFCHR: "character special file", syscall.S_IFBLK: "block special file", syscall.S_IFIFO: "fifo", syscall.S_IFSOCK: "socket"}
		text := strings.NewReplacer("%a", fmt.Sprintf("%o", st.Mode&0o7777), "%A", modeText(info.Mode()), "%f", fmt.Sprintf("%x", st.Mode),
			"%F", kinds[st.Mode&syscall.S_IFMT], "%g", fmt.Sprint(st.Gid), "%G", fmt.Sprint(st.Gid), "%i", fmt.Sprint(st.Ino), "%n", p,
			"%s", fmt.Sprint(info.Size()), "%u", fmt.Sprint(st.Uid), "%U", fmt.Sprint(st.Uid), "%Y", fmt.Sprint(info.ModTime().Unix())).Replace(format)
		fmt.Fprintln(c.stdout, text)
		return nil
	})
}

func sum(c *call, h func() hash.Hash) int {
	return c.inputs(c.args, func(name string, r io.Reader) error {
		s := h()
		if _, err := io.Copy(s, r); err != nil {
			return err
		}
		fmt.Fprintf(c.stdout, "%x  %s\n", s.Sum(nil), name)
		return nil
	})
}

func sha256sum(c *call) int { return sum(c, sha256.New) }
func md5sum(c *call) int    { return sum(c, md5.New) }

// dd copies: if= of= bs= count= skip= seek=, and conv=fsync.
func dd(c *call) int {
	o := map[string]string{"bs": "512", "count": "-1", "if": "/dev/stdin", "of": "/dev/stdout"}
	for _, a := range c.args {
		k, v, _ := strings.Cut(a, "=")
		o[k] = v
	}
	bs, err1 := size(o["bs"])
	count, err2 := strconv.ParseInt(o["count"], 10, 64)
	in, err3 := os.Open(c.path(o["if"]))
	out, err4 := os.OpenFile(c.path(o["of"]), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return c.fail(err)
	}
	defer in.Close()
	limit := int64(1<<63 - 1)
	if count >= 0 {
		limit = count * bs
	}
	n, err := io.CopyBuffer(struct{ io.Writer }{out}, struct{ io.Reader }{io.LimitReader(in, limit)}, make([]byte, min(bs, 1<<20)))
	if strings.Contains(o["conv"], "sync") {
		err = errors.Join(err, out.Sync())
	}
	if err := errors.Join(err, out.Close()); err != nil {
		return c.fail(err)
	}
	fmt.Fprintf(c.stderr, "%d bytes copied\n", n)
	return 0
}

// size reads 4096, 4k, 10M, 1G.
func size(text string) (int64, error) {
	units := "kMG"
	shift := 0
	if n := len(text); n > 0 {
		if i := slices.Index([]byte(strings.ToLower(units)), strings.ToLower(text)[n-1]); i >= 0 {
			shift, text = 10*(i+1), text[:n-1]
		}
	}
	v, err := strconv.ParseInt(text, 10, 64)
	return v << shift, err
}
