package peers

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Etcd is one member of an etcd on loopback, with a data directory of its own.
type Etcd struct {
	// URL is where clients reach it.
	URL  string
	name string
	bin  string
	dir  string
	args []string
	cmd  *exec.Cmd
}

// StartEtcd starts an etcd of one member, which ends with the test. It does not
// wait until it answers.
func StartEtcd(t testing.TB, flags ...string) *Etcd {
	t.Helper()
	return StartEtcdCluster(t, 1, flags...)[0]
}

// StartEtcdCluster starts an etcd of n members.
func StartEtcdCluster(t testing.TB, n int, flags ...string) []*Etcd {
	t.Helper()
	members := make([]*Etcd, n)
	var cluster []string
	peer := make([]string, n)
	for i := range members {
		scheme := "http"
		if strings.Contains(strings.Join(flags, " "), "--cert-file") {
			scheme = "https"
		}
		members[i] = &Etcd{URL: scheme + "://" + freeAddress(t), name: fmt.Sprint("m", i), bin: Binary(t, "etcd"), dir: t.TempDir()}
		peer[i] = "http://" + freeAddress(t)
		cluster = append(cluster, members[i].name+"="+peer[i])
	}
	for i, m := range members {
		m.args = append([]string{
			"--name", m.name, "--data-dir", m.Data(),
			"--listen-client-urls", m.URL, "--advertise-client-urls", m.URL,
			"--listen-peer-urls", peer[i], "--initial-advertise-peer-urls", peer[i],
			"--initial-cluster", strings.Join(cluster, ","),
			// A killed process loses nothing that it wrote; only a machine would.
			"--unsafe-no-fsync", "--log-level", "warn",
			"--heartbeat-interval", "20", "--election-timeout", "200",
		}, flags...)
		m.Start(t)
		t.Cleanup(func() { m.Kill(t) })
	}
	return members
}

// RestoreEtcd starts an etcd of one member from a snapshot.
func RestoreEtcd(t testing.TB, snapshot []byte) *Etcd {
	t.Helper()
	m := StartEtcd(t)
	m.Kill(t)
	file := filepath.Join(t.TempDir(), "snapshot")
	if err := os.WriteFile(file, snapshot, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(m.Data()); err != nil {
		t.Fatal(err)
	}
	var cluster, peer string
	for i, a := range m.args {
		switch a {
		case "--initial-cluster":
			cluster = m.args[i+1]
		case "--initial-advertise-peer-urls":
			peer = m.args[i+1]
		}
	}
	out, err := exec.Command(Binary(t, "etcdutl"), "snapshot", "restore", file, "--data-dir", m.Data(), "--name", m.name,
		"--initial-cluster", cluster, "--initial-advertise-peer-urls", peer).CombinedOutput()
	if err != nil {
		t.Fatalf("restore the snapshot: %v: %s", err, out)
	}
	m.Start(t)
	return m
}

// Data is the member's data directory.
func (m *Etcd) Data() string { return filepath.Join(m.dir, "data") }

// Start starts the member, again after Kill.
func (m *Etcd) Start(t testing.TB) {
	t.Helper()
	log, err := os.OpenFile(filepath.Join(m.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	m.cmd = exec.Command(m.bin, m.args...)
	m.cmd.Stdout, m.cmd.Stderr = log, log
	// It ends with the test also when that is killed.
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
}

// Pause makes the member hang until it is killed.
func (m *Etcd) Pause(t testing.TB) {
	if err := m.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
}

// Kill ends the member as a crash does.
func (m *Etcd) Kill(t testing.TB) {
	if m.cmd == nil {
		return
	}
	if err := m.cmd.Process.Kill(); err != nil {
		t.Errorf("kill etcd: %v", err)
	}
	_ = m.cmd.Wait() // says that it was killed
	m.cmd = nil
	if t.Failed() {
		log, _ := os.ReadFile(filepath.Join(m.dir, "log"))
		t.Logf("etcd %s said at last: %s", m.name, log[max(0, len(log)-2000):])
	}
}

// freeAddress returns an address on loopback where nobody listens.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
