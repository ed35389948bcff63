package pods

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"minke/kubelet/cri"
	"minke/kubelet/logs"
)

// The bounds of a termination message: of each container, and of a pod's
// containers together.
const (
	maxMessage    = 4 << 10
	maxMessages   = 12 << 10
	fallbackLines = 80
	fallbackBytes = 2 << 10
)

// terminationMessage reads what a dead container left as its last words.
//
// The file was writable by the container, so it is opened beneath the pod's
// directory, without following links, and read only if it is a regular file.
func (j *job) terminationMessage(c *runtimeapi.ContainerStatus) string {
	a := c.GetAnnotations()
	limit := maxMessage
	if n := len(j.pod.Spec.Containers) + len(j.pod.Spec.InitContainers); n > 0 {
		limit = min(limit, maxMessages/n)
	}
	text := ""
	if a[cri.AnnotationMessagePath] != "" {
		text = j.readMessage(c, limit)
	}
	if text == "" && a[cri.AnnotationMessagePolicy] == string(corev1.TerminationMessageFallbackToLogsOnError) && c.ExitCode != 0 {
		tail, err := logs.Log{Root: j.Spec.LogDir, Dir: filepath.Join(j.Spec.PodLogDir(j.pod), c.GetMetadata().GetName()), Base: filepath.Base(c.LogPath)}.Tail(fallbackLines, fallbackBytes)
		if err != nil {
			j.log.Debug("read log for termination message", "container", c.Id, "err", err)
		}
		text = string(tail)
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

func (j *job) readMessage(c *runtimeapi.ContainerStatus, limit int) string {
	root, err := os.OpenRoot(j.Spec.PodDir(j.pod))
	if err != nil {
		return ""
	}
	defer root.Close()
	name := filepath.Base(j.messageFile("", cri.RestartCount(c)))
	f, err := root.OpenFile(filepath.Join("containers", c.GetMetadata().GetName(), name), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return ""
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return ""
	}
	data, err := io.ReadAll(io.LimitReader(f, int64(limit)))
	if err != nil {
		return ""
	}
	return string(bytes.TrimRight(data, "\x00"))
}
