package cni

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"strings"
)

// On disk, below StateDir:
//
//	<sandbox id>.json   one sandbox: its addresses and host ports
//	last                the addresses given out last, one a line
//	*.tmp               a write that was cut off; removed at start
//
// A file is written before its addresses are used and removed after they are
// free, each by one rename or unlink. It need not survive a power cut (no
// sandbox does), so nothing waits for the disk.

// record is what is kept of a sandbox.
type record struct {
	Sandbox   string       `json:"sandbox"`
	Pod       string       `json:"pod"`
	Addresses []netip.Addr `json:"addresses"`
	HostPorts []HostPort   `json:"hostPorts,omitempty"`
}

const (
	recordSuffix = ".json"
	lastFile     = "last"
)

// checkID keeps file and interface names within bounds.
func checkID(sandbox string) error {
	if sandbox == "" || len(sandbox) > 200 || strings.ContainsAny(sandbox, "/\x00") || strings.HasPrefix(sandbox, ".") {
		return fmt.Errorf("sandbox id %q is not a name", sandbox)
	}
	return nil
}

// load reads what an earlier process left.
func (p *Plugin) load() error {
	entries, err := fs.ReadDir(p.state.FS(), ".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		switch {
		case strings.HasSuffix(e.Name(), ".tmp"):
			if err := p.state.Remove(e.Name()); err != nil {
				return err
			}
		case strings.HasSuffix(e.Name(), recordSuffix):
			if err := p.loadRecord(e.Name()); err != nil {
				return err
			}
		}
	}
	return p.loadLast()
}

func (p *Plugin) loadRecord(name string) error {
	b, err := p.state.ReadFile(name)
	if err != nil {
		return err
	}
	var r record
	if err := json.Unmarshal(b, &r); err != nil || r.Sandbox+recordSuffix != name {
		// A record cut off by a power cut; its sandbox is gone too.
		p.log.Warn("dropping an unreadable reservation", "file", name, "err", err)
		return p.state.Remove(name)
	}
	p.records[r.Sandbox] = r
	for _, a := range r.Addresses {
		p.ipam.take(a, r.Sandbox)
	}
	return nil
}

func (p *Plugin) loadLast() error {
	b, err := p.state.ReadFile(lastFile)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	for _, line := range strings.Fields(string(b)) {
		if a, err := netip.ParseAddr(line); err == nil {
			p.ipam.last[a.Is4()] = a
		}
	}
	return nil
}

// reserve gives the sandbox its addresses, those it has already if there are.
// p.mu is held.
func (p *Plugin) reserve(a Attachment) (record, error) {
	if r, ok := p.records[a.SandboxID]; ok {
		return r, nil
	}
	if err := p.portConflict(a); err != nil {
		return record{}, err
	}
	addrs, err := p.ipam.reserve(a.SandboxID)
	if err != nil {
		return record{}, err
	}
	r := record{Sandbox: a.SandboxID, Pod: a.PodNamespace + "/" + a.PodName, Addresses: addrs, HostPorts: a.HostPorts}
	if err := p.save(r); err != nil {
		p.ipam.release(addrs)
		return record{}, fmt.Errorf("record the reservation: %w", err)
	}
	p.records[a.SandboxID] = r
	return r, nil
}

func (p *Plugin) save(r record) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := p.replaceFile(r.Sandbox+recordSuffix, b); err != nil {
		return err
	}
	var last strings.Builder
	for _, a := range r.Addresses {
		fmt.Fprintln(&last, a)
	}
	return p.replaceFile(lastFile, []byte(last.String()))
}

func (p *Plugin) replaceFile(name string, content []byte) error {
	if err := p.state.WriteFile(name+".tmp", content, 0o600); err != nil {
		return err
	}
	return p.state.Rename(name+".tmp", name)
}

// release forgets the sandbox. p.mu is held.
func (p *Plugin) release(sandbox string) error {
	r, ok := p.records[sandbox]
	if !ok {
		return nil
	}
	if err := p.state.Remove(sandbox + recordSuffix); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	p.ipam.release(r.Addresses)
	delete(p.records, sandbox)
	return nil
}
