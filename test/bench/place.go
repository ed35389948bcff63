package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// place is what a process gets of the processors.
type place struct {
	// First lets it run before all others (sched(7)).
	First bool
	// Part is which processors are its own.
	Part part
}

type part int

const (
	all    part = iota
	ours        // the first one: the clients'
	theirs      // all others: the server's
)

// set returns the processors of p.
func (p part) set() (*unix.CPUSet, error) {
	var s unix.CPUSet
	n := runtime.NumCPU()
	if n < 2 && p != all {
		return nil, errors.New("give the clients a processor of their own: there is only one")
	}
	for i := range n {
		if p == all || (p == ours) == (i == 0) {
			s.Set(i)
		}
	}
	return &s, nil
}

// run lets f, and the processes that it starts, run on these processors alone.
func (p part) run(f func() error) error {
	var before unix.CPUSet
	set, err := p.set()
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return err
	}
	if err := unix.SchedSetaffinity(0, set); err != nil {
		return err
	}
	return errors.Join(f(), unix.SchedSetaffinity(0, &before))
}

// apply gives the process its place, with all its threads and those that they start.
func (p place) apply(pid int) error {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	if err != nil {
		return err
	}
	if len(threads) == 0 {
		return fmt.Errorf("place process %d: %w", pid, os.ErrProcessDone)
	}
	set, err := p.Part.set()
	if err != nil {
		return err
	}
	attr := unix.SchedAttr{Size: uint32(unsafe.Sizeof(unix.SchedAttr{})), Policy: unix.SCHED_NORMAL}
	if p.First {
		attr.Policy, attr.Priority = unix.SCHED_FIFO, 1
	}
	for _, t := range threads {
		thread, err := strconv.Atoi(filepath.Base(t))
		if err != nil {
			return err
		}
		err = errors.Join(unix.SchedSetaffinity(thread, set), unix.SchedSetAttr(thread, &attr, 0))
		if err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("place process %d: %w", pid, err)
		}
	}
	return nil
}
