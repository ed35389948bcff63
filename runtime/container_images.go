package runtime

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"minke/runtime/plan"
)

// resolveImageVolumes notes the layers of the images that are mounted as
// volumes (KEP-4639), so that the images may go meanwhile.
func (r *Runtime) resolveImageVolumes(c *container) error {
	for _, m := range c.config.GetMounts() {
		name := m.GetImage().GetImage()
		if name == "" {
			continue
		}
		img, err := r.images.Get(name)
		if err != nil {
			return status.Errorf(codes.NotFound, "mount %s: %v", m.GetContainerPath(), err)
		}
		if sub := m.GetImageSubPath(); sub != "" && !filepath.IsLocal(sub) {
			return fmt.Errorf("mount %s: sub path %q leaves the image", m.GetContainerPath(), sub)
		}
		if c.VolumeLayers == nil {
			c.VolumeLayers = map[string][]string{}
		}
		c.VolumeLayers[name] = img.Layers
	}
	return nil
}

// allLayers are those that must not go while the container is there.
func (c *container) allLayers() []string {
	return slices.Concat(c.Layers, slices.Concat(slices.Collect(maps.Values(c.VolumeLayers))...))
}

// imageVolumeDir is where image volumes are mounted before they are moved into
// the root, in the container's own mount namespace only.
func (r *Runtime) imageVolumeDir(id string) string {
	return filepath.Join(r.containerDir(id), "image")
}

// emptyLayerDir is the lowest layer of every image volume: overlayfs wants two
// of what is only read.
func (r *Runtime) emptyLayerDir(id string) string {
	return filepath.Join(r.containerDir(id), "empty")
}

// planImage mounts an image's content, which nobody writes and nobody runs.
func (r *Runtime) planImage(p *plan.Plan, c *container, m *runtimeapi.Mount) {
	lower := append(lowerDirs(c.VolumeLayers[m.GetImage().GetImage()]), escapeOption(r.emptyLayerDir(c.ID)))
	if len(lower) == 1 { // an image of nothing
		lower = append(lower, escapeOption(r.imageVolumeDir(c.ID)))
	}
	sub := m.GetImageSubPath()
	if sub == "" {
		sub = "."
	}
	p.AddNumbers(plan.Image, readOnly|noSUID|noDev|noExec, 0, 0,
		r.images.LayersDir(), "lowerdir="+strings.Join(lower, ":"), r.imageVolumeDir(c.ID), sub, filepath.Clean(m.GetContainerPath()))
}
