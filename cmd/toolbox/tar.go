package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// tarApplet is what kubectl cp needs and a little more: tar c|x|t [-f FILE]
// [-C DIR] [-z] [-m] NAMES, with or without a dash.
func tarApplet(c *call) int {
	args := c.args
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		args = append([]string{"-" + args[0]}, args[1:]...)
	}
	inner := *c
	inner.args = nil
	for _, a := range args { // long options that only change what is kept
		if !strings.HasPrefix(a, "--") || a == "--" {
			inner.args = append(inner.args, a)
		}
	}
	set, rest := inner.flags("fC")
	// kubectl writes "tar -xmf - -C /dir": options after the first word.
	inner.args = rest
	more, rest := inner.flags("fC")
	for k, v := range more {
		set[k] = v
	}
	if dir := set['C']; dir != "" {
		inner.dir = c.path(dir)
	}
	if inner.dir == "" {
		inner.dir = "."
	}
	file := set['f']
	err := error(nil)
	switch {
	case set['c'] != "":
		err = inner.create(c, file, set['z'] != "", rest)
	case set['x'] != "" || set['t'] != "":
		err = inner.extract(c, file, set['t'] != "")
	default:
		err = errors.New("usage: tar c|x|t [-f FILE] [-C DIR] NAMES")
	}
	if err != nil {
		return c.fail(fmt.Errorf("tar: %w", err))
	}
	return 0
}

func (c *call) create(outer *call, file string, packed bool, names []string) error {
	var out io.Writer = c.stdout
	if file != "" && file != "-" {
		f, err := os.Create(outer.path(file))
		if err != nil {
			return err
		}
		defer f.Close()
		out = f
	}
	if packed {
		z := gzip.NewWriter(out)
		defer z.Close()
		out = z
	}
	w := tar.NewWriter(out)
	for _, n := range names {
		err := filepath.WalkDir(c.path(n), func(p string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return addFile(w, p, strings.TrimPrefix(n+strings.TrimPrefix(p, c.path(n)), "/"))
		})
		if err != nil {
			return err
		}
	}
	return w.Close()
}

func addFile(w *tar.Writer, path, name string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	link := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		if link, err = os.Readlink(path); err != nil {
			return err
		}
	}
	h, err := tar.FileInfoHeader(info, link)
	if err != nil {
		return err
	}
	h.Name = name
	if info.IsDir() {
		h.Name += "/"
	}
	if err := w.WriteHeader(h); err != nil || !info.Mode().IsRegular() {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}

// extract writes beneath the directory only, whatever names and links say.
func (c *call) extract(outer *call, file string, list bool) error {
	in := c.stdin
	if file != "" && file != "-" {
		f, err := os.Open(outer.path(file))
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	head := make([]byte, 2)
	n, err := io.ReadFull(in, head)
	if err != nil && n == 0 {
		return err
	}
	in = io.MultiReader(bytes.NewReader(head[:n]), in)
	if head[0] == 0x1f && head[1] == 0x8b {
		z, err := gzip.NewReader(in)
		if err != nil {
			return err
		}
		in = z
	}
	root, err := os.OpenRoot(c.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	r := tar.NewReader(in)
	for {
		h, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if list {
			fmt.Fprintln(c.stdout, h.Name)
			continue
		}
		if err := extractOne(root, h, r); err != nil {
			return err
		}
	}
}

func extractOne(root *os.Root, h *tar.Header, r io.Reader) error {
	name := strings.TrimPrefix(filepath.Clean("/"+h.Name), "/")
	if name == "" {
		return nil
	}
	if dir := filepath.Dir(name); dir != "." {
		if err := root.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	mode := fs.FileMode(h.Mode).Perm()
	switch h.Typeflag {
	case tar.TypeDir:
		return root.MkdirAll(name, mode)
	case tar.TypeSymlink:
		_ = root.Remove(name)
		return root.Symlink(h.Linkname, name)
	case tar.TypeReg:
		f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, r)
		return errors.Join(err, f.Close())
	}
	return nil
}
