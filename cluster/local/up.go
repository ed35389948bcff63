package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"minke/cluster"
	"minke/cluster/kubeconfig"
	"minke/cluster/options"
	"minke/cluster/pki"
)

// Options says what cluster is wanted.
type Options struct {
	Name string
	// Nodes is how many; zero means one, or as many as the cluster has.
	Nodes   int
	DataDir string
	// Port is where the API answers on loopback; zero means 6443 or, if that
	// is taken, any.
	Port     int
	Publish  []Publish
	Isolated bool
	// API, unless empty, replaces the API server's options of the last start.
	API options.API
	// KubeletConfig, unless empty, replaces the nodes' KubeletConfiguration of the last
	// start.
	KubeletConfig options.File
}

// Up starts the cluster, or takes up one that was stopped or killed, and
// returns its places when every node is Ready and DNS answers. Called for a
// cluster that runs, it changes nothing. Progress is written to out.
func Up(ctx context.Context, o Options, out io.Writer) (Paths, error) {
	p, err := PathsOf(o.Name, o.DataDir)
	if err != nil {
		return p, err
	}
	if err := checkMachine(); err != nil {
		return p, err
	}
	show := newProgress(out)
	unlock, err := lock(p, o)
	if err != nil {
		return p, err
	}
	defer unlock()
	spec, err := p.wanted(o)
	if err != nil {
		return p, err
	}
	show.stage("", "namespaces and network")
	if err := prepare(p, spec); err != nil {
		return p, err
	}
	return p, errors.Join(startMissing(ctx, p, spec, show), ctx.Err())
}

// lock makes the cluster's directories and keeps other calls of up and down
// out until the function it returns is called.
func lock(p Paths, o Options) (func(), error) {
	if err := os.MkdirAll(p.Data, 0o700); err != nil {
		return nil, fmt.Errorf("create data directory: %w", err)
	}
	if err := mountRun(p); err != nil {
		return nil, err
	}
	if o.DataDir != "" {
		link := p.Run + ".data"
		if err := os.Symlink(p.Data, link); err != nil && !errors.Is(err, os.ErrExist) {
			return nil, fmt.Errorf("remember data directory: %w", err)
		}
	}
	f, err := os.OpenFile(filepath.Join(p.Run, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock cluster %s: %w", p.Name, err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock cluster %s: another minke up or down works on it: %w", p.Name, err)
	}
	return func() { f.Close() }, nil
}

// prepare makes everything that the node processes find when they start.
func prepare(p Paths, spec *Spec) error {
	if err := p.saveSpec(spec); err != nil {
		return err
	}
	if err := wireCluster(p); err != nil {
		return err
	}
	for i := 1; i <= spec.Nodes; i++ {
		if err := wireNode(p, i); err != nil {
			return fmt.Errorf("%s: %w", NodeName(i), err)
		}
	}
	if err := wireUplink(p, spec); err != nil {
		return err
	}
	return makeCertificates(p, spec)
}

// makeCertificates lets each node find its keys ready: on one machine nobody
// needs to ask for them.
func makeCertificates(p Paths, spec *Spec) error {
	ca, err := pki.Open(filepath.Join(p.Data, "pki"))
	if err != nil {
		return err
	}
	for i := 1; i <= spec.Nodes; i++ {
		node := NodeName(i)
		_, err1 := ca.ClientCert("nodes/"+node+"/client", cluster.NodeClient(node))
		_, err2 := ca.ServingCert("nodes/"+node+"/kubelet", cluster.NodeServing(node, NodeIP(i)))
		_, err3 := ca.ClientCert("nodes/"+node+"/network", pki.Client{User: cluster.NodeNetwork})
		if err := errors.Join(err1, err2, err3); err != nil {
			return err
		}
	}
	return nil
}

func (p Paths) writeKubeconfig(spec *Spec) error {
	ca, err := pki.Open(filepath.Join(p.Data, "pki"))
	if err != nil {
		return err
	}
	return kubeconfig.Write(p.Kubeconfig(), "minke-"+p.Name, fmt.Sprintf("https://127.0.0.1:%d", spec.Port), ca)
}

// startMissing starts the node processes that do not run and waits until all of
// them are ready. The others start when the first one's API answers, which
// they would only wait for.
func startMissing(ctx context.Context, p Paths, spec *Spec, show *progress) error {
	group, ctx := errgroup.WithContext(ctx)
	answers := make(chan struct{})
	first := sync.OnceFunc(func() { close(answers) })
	for i := 1; i <= spec.Nodes; i++ {
		alive, err := answering(ctx, p, NodeName(i))
		if err != nil {
			return err
		}
		if alive {
			if i == 1 {
				first()
			}
			continue
		}
		group.Go(func() error {
			if i > 1 {
				select {
				case <-answers:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return bringUp(ctx, p, spec, i, func(node, stage string) {
				show.stage(node, stage)
				if i == 1 {
					first()
				}
			})
		})
	}
	return group.Wait()
}

// bringUp starts one node's process and waits until it is ready.
func bringUp(ctx context.Context, p Paths, spec *Spec, i int, tell func(node, stage string)) error {
	var listeners []*os.File
	if i == 1 {
		var err error
		if listeners, err = listen(spec); err != nil {
			return err
		}
		if err := errors.Join(p.saveSpec(spec), p.writeKubeconfig(spec)); err != nil {
			return err
		}
	}
	proc, err := startNode(p, i, listeners)
	closeAll(listeners)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { proc.status.Close() })
	defer stop()
	return proc.wait(tell)
}

// checkMachine says in one line what this machine lacks.
func checkMachine() error {
	if os.Geteuid() != 0 {
		return errors.New("minke up needs root: it makes namespaces, mounts and network devices; try sudo")
	}
	data, err := os.ReadFile("/proc/filesystems")
	if err != nil {
		return fmt.Errorf("read /proc/filesystems: %w", err)
	}
	if !hasFilesystem(string(data), "overlay") {
		return errors.New("this kernel has no overlay filesystem, which container images need; load it with: modprobe overlay")
	}
	return nil
}
