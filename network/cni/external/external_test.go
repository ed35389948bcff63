package external

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"minke/network/cni"
)

// plugin writes down how it was called and answers like a bridge.
const plugin = `#!/bin/sh
echo "$CNI_COMMAND $CNI_CONTAINERID $CNI_IFNAME $CNI_ARGS" >> "$(dirname "$0")/calls"
cat >> "$(dirname "$0")/calls"
echo >> "$(dirname "$0")/calls"
[ "$CNI_COMMAND" = ADD ] && cat <<'R'
{"cniVersion":"1.1.0","interfaces":[{"name":"br0"},{"name":"eth0","sandbox":"/ns"}],
 "ips":[{"interface":0,"address":"10.9.0.1/24"},{"interface":1,"address":"10.9.0.5/24"},{"interface":1,"address":"fd09::5/64"}]}
R
exit 0
`

const conf = `{"cniVersion":"1.1.0","name":"net","plugins":[{"type":"fakebridge","capabilities":{"portMappings":true}}]}`

func TestPluginsAreExecuted(t *testing.T) {
	dir := t.TempDir()
	n := New(Config{ConfDir: filepath.Join(dir, "net.d"), BinDirs: []string{dir}, CacheDir: filepath.Join(dir, "cache")})
	if err := n.Ready(); !errors.Is(err, ErrNoConfig) {
		t.Errorf("ready without configuration: %v", err)
	}
	a := cni.Attachment{SandboxID: "s1", NetNS: "/proc/self/ns/net", PodNamespace: "default", PodName: "p", HostPorts: []cni.HostPort{{HostPort: 80, ContainerPort: 8080}}}
	if err := n.Teardown(context.Background(), a); err != nil {
		t.Errorf("teardown of what was never connected: %v", err)
	}
	for name, content := range map[string]string{"net.d/10-net.conflist": conf, "fakebridge": plugin} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.Ready(); err != nil {
		t.Error(err)
	}
	got, err := n.Setup(context.Background(), a)
	want := []netip.Addr{netip.MustParseAddr("10.9.0.5"), netip.MustParseAddr("fd09::5")}
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("got %v, %v; want %v", got, err, want)
	}
	if err := n.Teardown(context.Background(), a); err != nil {
		t.Error(err)
	}
	calls, err := os.ReadFile(filepath.Join(dir, "calls"))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"ADD s1 eth0 IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=p", `"portMappings":[{"containerPort":8080,"hostPort":80,"protocol":"tcp"}]`, "DEL s1 eth0"} {
		if !strings.Contains(string(calls), part) {
			t.Errorf("no %s in\n%s", part, calls)
		}
	}
}
