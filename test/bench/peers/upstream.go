package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"minke/cluster/kubeconfig"
	"minke/cluster/pki"
)

// upstream measures the peer, on loopback, with a fresh store.
func upstream(ctx context.Context, o options) (results, error) {
	dir, err := os.MkdirTemp("", "peers-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	ports, err := freePorts(3)
	if err != nil {
		return nil, err
	}
	store, err := start(dir, filepath.Join(o.tools, "etcd"), etcdArgs(dir, ports))
	if err != nil {
		return nil, err
	}
	defer store.end()
	if err := await(ctx, fmt.Sprintf("http://127.0.0.1:%d/health", ports[0])); err != nil {
		return nil, fmt.Errorf("etcd: %w", err)
	}
	args, config, err := apiArgs(dir, ports)
	if err != nil {
		return nil, err
	}
	api, err := start(dir, filepath.Join(o.tools, "apiextensions-apiserver"), args)
	if err != nil {
		return nil, err
	}
	defer api.end()
	if err := awaitPort(ctx, ports[2]); err != nil {
		return nil, fmt.Errorf("apiextensions-apiserver: %w", err)
	}
	if err := rest(ctx); err != nil {
		return nil, err
	}
	return o.apibench(ctx, dir, config, custom, api.cmd.Process.Pid, store.cmd.Process.Pid)
}

func etcdArgs(dir string, ports []int) []string {
	client := fmt.Sprintf("http://127.0.0.1:%d", ports[0])
	peer := fmt.Sprintf("http://127.0.0.1:%d", ports[1])
	return []string{"--data-dir", filepath.Join(dir, "etcd"), "--log-level", "error",
		"--listen-client-urls", client, "--advertise-client-urls", client,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "default=" + peer}
}

// apiArgs are stock flags, except that whatever asks for core objects is off:
// upstream's own integration fixture does the same.
func apiArgs(dir string, ports []int) (args []string, config string, err error) {
	ca, err := pki.Open(filepath.Join(dir, "pki"))
	if err != nil {
		return nil, "", err
	}
	if _, err := ca.ServingCert("apiserver", pki.Serving{CommonName: "apiserver", IPs: []net.IP{net.IPv4(127, 0, 0, 1)}}); err != nil {
		return nil, "", err
	}
	config = filepath.Join(dir, "kubeconfig")
	if err := kubeconfig.Write(config, "upstream", fmt.Sprintf("https://127.0.0.1:%d", ports[2]), ca); err != nil {
		return nil, "", err
	}
	file := func(name string) string { return filepath.Join(dir, "pki", name) }
	return []string{
		"--etcd-servers", fmt.Sprintf("http://127.0.0.1:%d", ports[0]),
		"--bind-address", "127.0.0.1", "--secure-port", fmt.Sprint(ports[2]),
		"--tls-cert-file", file("apiserver.crt"), "--tls-private-key-file", file("apiserver.key"),
		"--client-ca-file", file("ca.crt"), "--authentication-skip-lookup",
		"--authentication-kubeconfig", config, "--authorization-kubeconfig", config, "--kubeconfig", config,
		"--enable-priority-and-fairness=false",
		"--disable-admission-plugins", "NamespaceLifecycle,MutatingAdmissionWebhook,ValidatingAdmissionWebhook,ValidatingAdmissionPolicy,MutatingAdmissionPolicy",
	}, config, nil
}

// program is a peer that runs.
type program struct{ cmd *exec.Cmd }

func start(dir, path string, args []string) (*program, error) {
	log, err := os.Create(filepath.Join(dir, filepath.Base(path)+".log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return &program{cmd}, cmd.Start()
}

func (p *program) end() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// freePorts returns ports of loopback that nobody uses now.
func freePorts(n int) ([]int, error) {
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// startTime bounds how long a peer may take to answer.
const startTime = 30 * time.Second

func await(ctx context.Context, url string) error {
	return until(ctx, func() bool {
		answer, err := http.Get(url)
		if err != nil {
			return false
		}
		answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
}

func awaitPort(ctx context.Context, port int) error {
	return until(ctx, func() bool {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return false
		}
		conn.Close()
		return true
	})
}

func until(ctx context.Context, holds func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for !holds() {
		select {
		case <-ctx.Done():
			return errors.New("it does not answer")
		case <-time.After(10 * time.Millisecond):
		}
	}
	return nil
}
