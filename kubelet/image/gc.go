package image

import (
	"context"
	"fmt"
	"sort"
	"sync"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"minke/kubelet/cri"
)

// minAge is how long an image must have been unused before it is removed.
const minAge = 2 * time.Minute

// Collector removes images that no container uses.
type Collector struct {
	Images  cri.Images
	Runtime cri.Containers

	mu     sync.Mutex // guards unused
	unused map[string]time.Time
}

// candidate is an image that may go.
type candidate struct {
	id    string
	size  uint64
	since time.Time
}

// Observe notes which images are unused, so that Free knows since when.
func (c *Collector) Observe(ctx context.Context) error {
	_, err := c.observe(ctx)
	return err
}

func (c *Collector) observe(ctx context.Context) ([]candidate, error) {
	images, err := c.Images.ListImages(ctx, &runtimeapi.ListImagesRequest{})
	if err != nil {
		return nil, fmt.Errorf("list images: %w", err)
	}
	containers, err := c.Runtime.ListContainers(ctx, &runtimeapi.ListContainersRequest{})
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	used := map[string]bool{}
	for _, k := range containers.Containers {
		used[k.ImageId], used[k.ImageRef], used[k.GetImage().GetImage()] = true, true, true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.unused
	c.unused = map[string]time.Time{}
	var out []candidate
	for _, i := range images.Images {
		if i.Pinned || isUsed(i, used) {
			continue
		}
		since, known := before[i.Id]
		if !known {
			since = time.Now()
		}
		c.unused[i.Id] = since
		out = append(out, candidate{i.Id, i.Size, since})
	}
	return out, nil
}

func isUsed(i *runtimeapi.Image, used map[string]bool) bool {
	if used[i.Id] {
		return true
	}
	for _, list := range [][]string{i.RepoTags, i.RepoDigests} {
		for _, name := range list {
			if used[name] {
				return true
			}
		}
	}
	return false
}

// Free removes unused images, the longest unused first, until bytes are freed;
// young images stay.
func (c *Collector) Free(ctx context.Context, bytes int64) error {
	list, err := c.observe(ctx)
	if err != nil {
		return err
	}
	sort.Slice(list, func(i, j int) bool { return list[i].since.Before(list[j].since) })
	for _, i := range list {
		if bytes <= 0 {
			return nil
		}
		if time.Since(i.since) < minAge {
			continue
		}
		if _, err := c.Images.RemoveImage(ctx, &runtimeapi.RemoveImageRequest{Image: &runtimeapi.ImageSpec{Image: i.id}}); err != nil {
			return fmt.Errorf("remove image %s: %w", i.id, err)
		}
		bytes -= int64(i.size)
	}
	return nil
}
