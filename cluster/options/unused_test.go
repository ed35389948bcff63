package options

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// ofServer are those flags of Kubernetes' that `minke server` alone has, and
// help, which every command has.
var ofServer = []string{"advertise-address", "bind-address", "cluster-cidr", "help", "secure-port", "service-cluster-ip-range"}

// TestKubernetesFlags: each flag of Kubernetes' components is there, and none
// that does not act is of another name than theirs, or not in the documentation.
func TestKubernetesFlags(t *testing.T) {
	var o API
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	o.AddFlags(flags)
	for _, name := range ofServer {
		flags.Bool(name, false, "") // panics if it is there already
	}
	file, err := os.Open("testdata/flags-1.37.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }() // it was only read
	theirs := map[string]bool{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		name, components, _ := strings.Cut(lines.Text(), " ")
		if name == "#" {
			continue
		}
		theirs[name] = true
		if flags.Lookup(name) == nil {
			t.Errorf("--%s of %s is not known", name, components)
		}
	}
	if len(theirs) < 280 {
		t.Errorf("%d flags of Kubernetes", len(theirs))
	}
	docs, err := os.ReadFile("../../docs/flags.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range unusedFlags {
		if !theirs[u.name] {
			t.Errorf("Kubernetes has no --%s", u.name)
		}
		verdict := "ignored"
		if u.refused {
			verdict = "refused"
		}
		if end := fmt.Sprintf(" | %s | %s |\n", verdict, u.why); !strings.Contains(string(docs), "| `--"+u.name+"` | ") || !strings.Contains(string(docs), end) {
			t.Errorf("docs/flags.md does not have --%s%s", u.name, end)
		}
	}
}

// parsed returns what flags, separated by spaces, ask for.
func parsed(args string) (*API, error) {
	var o API
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	o.AddFlags(flags)
	return &o, flags.Parse(strings.Fields(args))
}

// TestUnusedFlags: what is done anyway is taken, the rest ignored or refused.
func TestUnusedFlags(t *testing.T) {
	for args, want := range map[string]string{
		"--allow-privileged":               "",
		"--allow-privileged=true":          "",
		"--allow-privileged=false":         "only true is supported: containers may be privileged",
		"--storage-backend=etcd3":          "",
		"--storage-backend=etcd2":          "only etcd3 is supported",
		"--admission-control=AlwaysAdmit":  "not supported: see --enable-admission-plugins",
		"--concurrent-job-syncs=7":         "",
		"-v=4":                             "",
		"--v=4 --vmodule=a=1":              "",
		"--log-text-split-stream":          "",
		"--cloud-provider=external":        "",
		"--cloud-provider=gce":             "there is no cloud provider",
		"--tls-cert-file=/a.crt":           "see --tls-sni-cert-key",
		"--service-account-lookup=false":   "is always refused",
		"--leader-elect-resource-name=one": "must be formatted as key=value",
		"--service-node-port-range=9-5":    "port",
	} {
		o, err := parsed(args)
		if want == "" && (err != nil || !o.IsZero()) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v, want %q", args, err, want)
		}
	}
}

// TestChecks: what flags refuse only together, or after they were read.
func TestChecks(t *testing.T) {
	for args, want := range map[string]string{
		"--leader-elect-resource-name=kube-scheduler=a,kube-controller-manager=b": "",
		"--leader-elect-resource-name=kube-scheduler=kube-controller-manager":     "must have Leases of their own",
		"--leader-elect-resource-name=kube-proxy=a":                               "is neither kube-controller-manager nor kube-scheduler",
		"--leader-elect-resource-name=kube-scheduler=A_":                          "RFC 1123",
		"--controllers=*,-ttl,-job-controller --node-eviction-rate=0":             "",
		"--controllers=*,jobs":            `--controllers: "jobs" is not in the list of known controllers`,
		"--node-eviction-rate=-1":         "must not be negative",
		"--node-monitor-grace-period=-1s": "must not be negative",
		"--request-timeout=-1s":           "can not be negative",
		"--min-request-timeout=-1":        "can not be negative",
		"--request-timeout=3s --min-request-timeout=60 --terminated-pod-gc-threshold=100": "",
	} {
		o, err := parsed(args)
		if err != nil {
			t.Errorf("%s: %v", args, err)
		}
		if err := o.Check(); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v, want %q", args, err, want)
		}
	}
}
