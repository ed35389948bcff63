package server

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"minke/kubelet/cri"
	"minke/kubelet/logs"
	"minke/kubelet/spec"
)

// containerLogs streams a container's log: follow, previous, timestamps,
// sinceSeconds, sinceTime, tailLines, limitBytes, stream.
func (s *Server) containerLogs(w http.ResponseWriter, r *http.Request) {
	pod := s.pod(w, r)
	if pod == nil {
		return
	}
	q := r.URL.Query()
	o, err := logOptions(q.Get)
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	name := r.PathValue("container")
	if spec.FindContainer(pod, name) == nil {
		http.Error(w, fmt.Sprintf("container %q not found in pod %q", name, pod.Name), http.StatusNotFound)
		return
	}
	c, err := s.logged(r, pod, name, q.Get("previous") == "true")
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if o.Follow {
		ended := s.Ended(c.Id)
		o.Ended = ended
		// It may have ended before it was asked for.
		if now, err := s.Runtime.ContainerStatus(r.Context(), &runtimeapi.ContainerStatusRequest{ContainerId: c.Id}); err != nil || now.Status.State != runtimeapi.ContainerState_CONTAINER_RUNNING {
			o.Follow = false
		}
	}
	l := logs.Log{Root: s.LogDir, Base: filepath.Base(c.LogPath),
		Dir: filepath.Join(s.LogDir, pod.Namespace+"_"+pod.Name+"_"+string(pod.UID), name)}
	w.Header().Set("Content-Type", "text/plain")
	flusher, _ := w.(http.Flusher)
	flush := func() {
		if flusher != nil {
			flusher.Flush()
		}
	}
	if err := l.Read(r.Context(), o, w, flush); err != nil && r.Context().Err() == nil {
		s.log.Debug("read log", "pod", pod.Name, "container", name, "err", err)
		if errors.Is(err, fs.ErrNotExist) {
			return // nothing was written, or it was collected
		}
		fmt.Fprintf(w, "failed to read the log of container %q: %v\n", name, err)
	}
}

// logged finds the container whose log is asked for.
func (s *Server) logged(r *http.Request, pod *corev1.Pod, name string, previous bool) (*runtimeapi.ContainerStatus, error) {
	state, err := cri.Inspect(r.Context(), s.Runtime, string(pod.UID))
	if err != nil {
		return nil, err
	}
	c := state.Latest(name)
	if c != nil && c.State == runtimeapi.ContainerState_CONTAINER_CREATED {
		c = state.Previous(name, c.Id)
	}
	if previous {
		if c != nil && c.State == runtimeapi.ContainerState_CONTAINER_RUNNING {
			c = state.Previous(name, c.Id)
		} else if c != nil {
			if before := state.Previous(name, c.Id); before != nil {
				c = before
			}
		}
		if c == nil || c.State != runtimeapi.ContainerState_CONTAINER_EXITED {
			return nil, fmt.Errorf("previous terminated container %q in pod %q not found", name, pod.Name)
		}
		return c, nil
	}
	if c == nil {
		return nil, fmt.Errorf("container %q in pod %q is waiting to start: %s", name, pod.Name, waitingReason(pod, name))
	}
	return c, nil
}

func waitingReason(pod *corev1.Pod, name string) string {
	for _, list := range [][]corev1.ContainerStatus{pod.Status.ContainerStatuses, pod.Status.InitContainerStatuses, pod.Status.EphemeralContainerStatuses} {
		for i := range list {
			if w := list[i].State.Waiting; list[i].Name == name && w != nil {
				if w.Message != "" && w.Reason != "ContainerCreating" && w.Reason != "PodInitializing" {
					return "trying and failing to pull image or start: " + w.Reason
				}
				return w.Reason
			}
		}
	}
	return "ContainerCreating"
}

func logOptions(get func(string) string) (logs.Options, error) {
	o := logs.Options{Follow: get("follow") == "true", Timestamps: get("timestamps") == "true"}
	number := func(name string, least int64) (*int64, error) {
		text := get(name)
		if text == "" {
			return nil, nil
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < least {
			return nil, fmt.Errorf("%s: Invalid value: %q: must be an integer of at least %d", name, text, least)
		}
		return &n, nil
	}
	var err error
	if get("tailLines") != "all" {
		if o.Tail, err = number("tailLines", 0); err != nil {
			return o, err
		}
	}
	if o.Limit, err = number("limitBytes", 1); err != nil {
		return o, err
	}
	seconds, err := number("sinceSeconds", 1)
	if err != nil {
		return o, err
	}
	if seconds != nil {
		o.Since = time.Now().Add(-time.Duration(*seconds) * time.Second)
	}
	if text := get("sinceTime"); text != "" {
		if o.Since, err = time.Parse(time.RFC3339, text); err != nil {
			return o, fmt.Errorf("sinceTime: Invalid value: %q: %w", text, err)
		}
	}
	if stream := get("stream"); stream != "" && stream != corev1.LogStreamAll {
		o.Stream = strings.ToLower(stream)
	}
	return o, nil
}

// systemLogs serves the node's own log directory, read only, without links
// that lead outside.
func (s *Server) systemLogs(w http.ResponseWriter, r *http.Request) {
	if s.SystemLogDir == "" {
		http.Error(w, "logs endpoint is disabled.", http.StatusMethodNotAllowed)
		return
	}
	root, err := os.OpenRoot(s.SystemLogDir)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer root.Close()
	r2 := r.Clone(r.Context())
	r2.URL.Path = path.Clean("/" + strings.TrimPrefix(r.URL.Path, "/logs"))
	if strings.HasSuffix(r.URL.Path, "/") && r2.URL.Path != "/" {
		r2.URL.Path += "/"
	}
	http.FileServerFS(root.FS()).ServeHTTP(w, r2)
}
