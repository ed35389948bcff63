package cluster

import (
	"context"
	"io"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"minke/cluster/control"
	"minke/runtime"
)

// images shows the runtime's image store to the command line.
type images struct{ runtime *runtime.Runtime }

var _ control.Images = images{}

func (i images) Import(ctx context.Context, archive io.Reader) ([]string, error) {
	return i.runtime.Images().Import(ctx, archive)
}

func (i images) List() []control.Image {
	var list []control.Image
	for _, image := range i.runtime.Images().List() {
		list = append(list, control.Image{ID: image.ID.String(), Names: append(image.Tags, image.Digests...), Size: image.Size})
	}
	return list
}

func (i images) Remove(ctx context.Context, name string) error {
	_, err := i.runtime.RemoveImage(ctx, &runtimeapi.RemoveImageRequest{Image: &runtimeapi.ImageSpec{Image: name}})
	return err
}
