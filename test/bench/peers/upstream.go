package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"minke/cluster/kubeconfig"
	"minke/cluster/pki"
	"minke/test/bench/await"
)

// startTime bounds how long a server may take to answer.
const startTime = 30 * time.Second

// upstream measures the peer, on loopback, with a fresh store. Its start is that
// of the API server alone: the store runs already, unlike Minke's, which is part
// of it.
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
	starting, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	if err := await.Ready(starting, &rest.Config{Host: fmt.Sprintf("http://127.0.0.1:%d", ports[0])}, "/health"); err != nil {
		return nil, fmt.Errorf("etcd: %w", err)
	}
	args, config, err := apiArgs(dir, ports)
	if err != nil {
		return nil, err
	}
	asked, err := clientcmd.BuildConfigFromFlags("", config)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	api, err := start(dir, filepath.Join(o.tools, "apiextensions-apiserver"), args)
	if err != nil {
		return nil, err
	}
	defer api.end()
	// Its informers want a core API, which is not there: that check never passes.
	if err := await.Ready(starting, asked, "/readyz?exclude=informer-sync"); err != nil {
		return nil, fmt.Errorf("apiextensions-apiserver: %w", err)
	}
	took := time.Since(began)
	if err := settle(ctx); err != nil {
		return nil, err
	}
	return o.apibench(ctx, dir, config, custom, took, api.cmd.Process.Pid, store.cmd.Process.Pid)
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
