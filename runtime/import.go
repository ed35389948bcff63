package runtime

import (
	"context"
	"errors"

	"minke/runtime/image"
	"minke/runtime/toolbox"
)

// ImportToolbox brings the toolbox's image into the store when it is missing.
func (r *Runtime) ImportToolbox(ctx context.Context) error {
	if _, err := r.images.Get(toolbox.Name); !errors.Is(err, image.ErrNotFound) {
		return err
	}
	archive, err := toolbox.Archive()
	if err != nil {
		return err
	}
	_, err = r.Import(ctx, archive)
	return err
}
