package local

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"minke/cluster/control"
)

// The descriptors that a node's process finds open.
const (
	statusFD   = 3 // writes Status lines
	firstOwnFD = 4 // the API's listener, then one for each Publish; first node only
)

// Status is one line that a node's process tells its starter.
type Status struct {
	// Stage is what has been reached; "ready" is the last one.
	Stage string `json:"stage,omitempty"`
	Error string `json:"error,omitempty"`
}

// process is a node's process that was just started.
type process struct {
	node   string
	log    string
	status io.ReadCloser
}

// running tells whether the node's process lives: it holds a lock on its pid
// file for as long as it does.
func running(p Paths, node string) (bool, error) {
	f, err := os.OpenFile(filepath.Join(p.NodeRun(node), "pid"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return false, fmt.Errorf("look for %s: %w", node, err)
	}
	defer f.Close()
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return true, nil
	}
	return false, wrap("look for "+node, err)
}

// Bounds of answering: how long a process may take, and the pause in between.
const (
	answerWait  = 10 * time.Second
	answerPause = 10 * time.Millisecond
)

// answering tells whether the node's process lives and answers. One that was
// killed a moment ago still holds its lock, but not for long.
func answering(ctx context.Context, p Paths, node string) (bool, error) {
	agent := control.NewClient(filepath.Join(p.NodeRun(node), "control"))
	ctx, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	for {
		alive, err := running(p, node)
		if err != nil || !alive {
			return false, err
		}
		_, err = agent.List(ctx)
		if err == nil {
			return true, nil
		}
		select {
		case <-ctx.Done():
			return false, fmt.Errorf("look for %s: its process neither answers nor ends: %w", node, err)
		case <-time.After(answerPause):
		}
	}
}

// claimPid writes the pid file of this process and locks it until the returned
// file is closed, which the end of the process does at the latest.
func claimPid(p Paths, node string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(p.NodeRun(node), "pid"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("claim pid file: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("claim pid file: another process runs %s: %w", node, err), f.Close())
	}
	if err := f.Truncate(0); err != nil {
		return nil, errors.Join(fmt.Errorf("claim pid file: %w", err), f.Close())
	}
	_, err = fmt.Fprintln(f, os.Getpid())
	return f, wrap("claim pid file", err)
}

// readPid returns the pid that the node's process wrote.
func readPid(p Paths, node string) (int, error) {
	data, err := os.ReadFile(filepath.Join(p.NodeRun(node), "pid"))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(data)))
}

// startNode starts the i-th node's process inside of its namespaces.
func startNode(p Paths, i int, listeners []*os.File) (*process, error) {
	node := NodeName(i)
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find own executable: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(p.NodeLog(node)), 0o700); err != nil {
		return nil, fmt.Errorf("start %s: %w", node, err)
	}
	log, err := os.OpenFile(p.NodeLog(node), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", node, err)
	}
	defer log.Close()
	status, statusWriter, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", node, err)
	}
	defer statusWriter.Close()
	cmd := exec.Command(self, "node", "--cluster", p.Name, "--data-dir", p.Data, "--index", strconv.Itoa(i))
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = append([]*os.File{statusWriter}, listeners...)
	// A session of its own: it outlives the terminal.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = inThread(func() error {
		run := p.NodeRun(node)
		if err := enter(filepath.Join(run, "net"), filepath.Join(run, "mnt")); err != nil {
			return err
		}
		return cmd.Start()
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", node, err), status.Close())
	}
	return &process{node: node, log: p.NodeLog(node), status: status}, cmd.Process.Release()
}

// wait passes on what the process tells, until it is ready.
func (p *process) wait(tell func(node, stage string)) error {
	defer p.status.Close()
	lines := bufio.NewScanner(p.status)
	for lines.Scan() {
		var s Status
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			return fmt.Errorf("read status of %s: %w", p.node, err)
		}
		if s.Error != "" {
			return fmt.Errorf("start %s: %s (more in %s)", p.node, s.Error, p.log)
		}
		tell(p.node, s.Stage)
		if s.Stage == "ready" {
			return nil
		}
	}
	return errors.Join(fmt.Errorf("start %s: its process ended; the last lines of %s are:\n%s", p.node, p.log, tail(p.log)), lines.Err())
}

// tail returns the last lines of a file, for an error message.
func tail(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-12):], "\n")
}

// listen opens the listeners that the first node's process is handed. They are
// opened here, on the host: a socket stays in the namespace where it was made.
func listen(spec *Spec) ([]*os.File, error) {
	api, err := listenAPI(spec)
	if err != nil {
		return nil, err
	}
	files := []*os.File{api}
	for _, pub := range spec.Publish {
		f, err := listenFile(pub.HostPort)
		if err != nil {
			closeAll(files)
			return nil, fmt.Errorf("publish %d: %w", pub.HostPort, err)
		}
		files = append(files, f)
	}
	return files, nil
}

// listenAPI takes the cluster's port; a new cluster gets 6443, or any free port.
func listenAPI(spec *Spec) (*os.File, error) {
	if spec.Port != 0 {
		f, err := listenFile(spec.Port)
		return f, wrap("listen for the API", err)
	}
	f, err := listenFile(apiNodePort)
	if errors.Is(err, unix.EADDRINUSE) {
		f, err = listenFile(0)
	}
	if err != nil {
		return nil, fmt.Errorf("listen for the API: %w", err)
	}
	l, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("listen for the API: %w", err)
	}
	spec.Port = l.Addr().(*net.TCPAddr).Port
	return f, l.Close()
}

func listenFile(port int) (*os.File, error) {
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	if err != nil {
		return nil, err
	}
	f, err := l.File()
	return f, errors.Join(err, l.Close())
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}
