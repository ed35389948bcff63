package runtime

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"google.golang.org/protobuf/proto"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// sandboxRecord is what a sandbox's directory remembers. Fields may be added;
// none may change its meaning.
type sandboxRecord struct {
	ID        string
	Config    []byte // runtimeapi.PodSandboxConfig
	Handler   string
	CreatedAt int64
	IPs       []string
	ShimPID   int // the helper's, to read what its namespaces show
	// Networked is set before Network.Setup is called and cleared after
	// Teardown has succeeded.
	Networked bool
	Ready     bool // the sandbox came about and was not stopped
}

// containerRecord is what a container's directory remembers. How it ended is
// in the helper's file exit, but for OOMKilled and what ended without the
// helper's knowing.
type containerRecord struct {
	ID, SandboxID string
	Config        []byte // runtimeapi.ContainerConfig
	ImageID       string
	ImageRef      string // what the kubelet compares with: the image's digest or ID
	CreatedAt     int64
	User          user
	StopSignal    string
	Resources     []byte // runtimeapi.LinuxContainerResources, when they were updated
	// What image and pod together say, so that the image may go meanwhile.
	Env, Argv []string
	Cwd       string
	Layers    []string
	// VolumeLayers are the layers of image volumes, by the image's ID.
	VolumeLayers map[string][]string `json:",omitempty"`
	Launched     bool                // a start was attempted
	OOMKilled    bool
	Lost         int64 // when it was found to have ended unseen; nanoseconds
	LogPath      string
	Unmasked     bool // the list of masked paths was empty on purpose, which its encoding does not tell
}

// saveRecord replaces a record at once. It is not synced: State need not
// survive the machine.
func saveRecord(dir string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("record %s: %w", dir, err)
	}
	temp := filepath.Join(dir, "record.new")
	if err := os.WriteFile(temp, data, 0o600); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	if err := os.Rename(temp, filepath.Join(dir, "record")); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return nil
}

func loadRecord(dir string, v any) error {
	data, err := os.ReadFile(filepath.Join(dir, "record"))
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("record %s: %w", dir, err)
	}
	return nil
}

func newID() string {
	var b [32]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

func (r *Runtime) saveSandbox(s *sandbox) error {
	return saveRecord(r.sandboxDir(s.ID), &s.sandboxRecord)
}

func (r *Runtime) saveContainer(c *container) error {
	return saveRecord(r.containerDir(c.ID), &c.containerRecord)
}

func decodeSandbox(rec sandboxRecord) (*sandbox, error) {
	s := &sandbox{sandboxRecord: rec, config: &runtimeapi.PodSandboxConfig{}}
	if err := proto.Unmarshal(rec.Config, s.config); err != nil {
		return nil, fmt.Errorf("sandbox %s: configuration: %w", rec.ID, err)
	}
	return s, nil
}

func decodeContainer(rec containerRecord) (*container, error) {
	c := &container{containerRecord: rec, config: &runtimeapi.ContainerConfig{}, exited: make(chan struct{})}
	if err := proto.Unmarshal(rec.Config, c.config); err != nil {
		return nil, fmt.Errorf("container %s: configuration: %w", rec.ID, err)
	}
	c.resources = c.config.GetLinux().GetResources()
	if rec.Resources != nil {
		c.resources = &runtimeapi.LinuxContainerResources{}
		if err := proto.Unmarshal(rec.Resources, c.resources); err != nil {
			return nil, fmt.Errorf("container %s: resources: %w", rec.ID, err)
		}
	}
	return c, nil
}
