//go:build conformance

package conformance

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// patience bounds every wait. It only turns a hang into a failure.
const patience = 60 * time.Second

// clusterName is the Makefile's, so that it can take the cluster down even when
// this process was killed. CONFORMANCE_CLUSTER lets runs go side by side.
var clusterName = cmp.Or(os.Getenv("CONFORMANCE_CLUSTER"), "conformance")

var (
	config     *rest.Config
	kubeconfig string
)

// minke is the binary under test.
func minke() string {
	path := os.Getenv("MINKE")
	if path == "" {
		path = "../../bin/minke"
	}
	path, err := filepath.Abs(path)
	if err != nil {
		panic(err)
	}
	return path
}

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if os.Geteuid() != 0 {
		fmt.Println("conformance needs root")
		return 0
	}
	defer func() {
		if out, err := exec.Command(minke(), "down", "--name", clusterName).CombinedOutput(); err != nil {
			fmt.Printf("down: %v\n%s", err, out)
		}
	}()
	if err := up(); err != nil {
		fmt.Println(err)
		return 1
	}
	code := m.Run()
	if dir := os.Getenv("CONFORMANCE_REPORT"); dir != "" {
		if err := writeReports(dir); err != nil {
			fmt.Println(err)
			return 1
		}
	}
	return code
}

func up() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, minke(), "up", "--detach", "--name", clusterName, "--nodes", "2", "--isolated",
		// Kubernetes has these off; two groups have nothing else.
		"--enable-logs-handler", "--feature-gates=StorageVersionAPI=true",
		"--runtime-config=internal.apiserver.k8s.io/v1alpha1=true,storagemigration.k8s.io/v1beta1=true")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("up: %w\n%s%s", err, out.String(), errs.String())
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	kubeconfig = lines[len(lines)-1]
	var err error
	if config, err = clientcmd.BuildConfigFromFlags("", kubeconfig); err != nil {
		return err
	}
	config.QPS = -1
	return connect(config)
}
