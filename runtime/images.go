package runtime

import (
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/grpc"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"minke/runtime/image"
	"minke/runtime/toolbox"
)

// Import brings images from an archive (OCI layout or docker save) into the
// store and returns the names that they are known by.
func (r *Runtime) Import(ctx context.Context, archive io.Reader) ([]string, error) {
	return r.images.Import(ctx, archive)
}

func imageProto(i *image.Image) *runtimeapi.Image {
	out := &runtimeapi.Image{Id: string(i.ID), RepoTags: i.Tags, RepoDigests: i.Digests, Size: uint64(i.Size)}
	name, _, _ := strings.Cut(i.Config.User, ":")
	if uid, err := strconv.ParseInt(name, 10, 64); err == nil {
		out.Uid = &runtimeapi.Int64Value{Value: uid}
	} else if name == "" {
		out.Uid = &runtimeapi.Int64Value{} // root, said outright
	} else {
		out.Username = name
	}
	out.Spec = &runtimeapi.ImageSpec{Image: string(i.ID)}
	out.Pinned = slices.Contains(i.Tags, toolbox.Name) // it comes from no registry
	return out
}

// ListImages lists, the newest first.
func (r *Runtime) ListImages(_ context.Context, req *runtimeapi.ListImagesRequest) (*runtimeapi.ListImagesResponse, error) {
	out := &runtimeapi.ListImagesResponse{}
	if name := req.GetFilter().GetImage().GetImage(); name != "" {
		i, err := r.images.Get(name)
		if err == nil {
			out.Images = append(out.Images, imageProto(i))
		}
		return out, nil
	}
	for _, i := range r.images.List() {
		out.Images = append(out.Images, imageProto(i))
	}
	return out, nil
}

// StreamImages is ListImages in pieces.
func (r *Runtime) StreamImages(req *runtimeapi.StreamImagesRequest, stream grpc.ServerStreamingServer[runtimeapi.StreamImagesResponse]) error {
	all, err := r.ListImages(stream.Context(), &runtimeapi.ListImagesRequest{Filter: req.GetFilter()})
	if err != nil {
		return err
	}
	return sendChunks(all.Images, func(p []*runtimeapi.Image) error {
		return stream.Send(&runtimeapi.StreamImagesResponse{Images: p})
	})
}

// ImageStatus has no image in its answer when the store has none.
func (r *Runtime) ImageStatus(_ context.Context, req *runtimeapi.ImageStatusRequest) (*runtimeapi.ImageStatusResponse, error) {
	i, err := r.images.Get(req.GetImage().GetImage())
	if errors.Is(err, image.ErrNotFound) {
		return &runtimeapi.ImageStatusResponse{}, nil
	}
	if err != nil {
		return nil, err
	}
	return &runtimeapi.ImageStatusResponse{Image: imageProto(i)}, nil
}

// RemoveImage forgets an image; one that is gone is fine.
func (r *Runtime) RemoveImage(_ context.Context, req *runtimeapi.RemoveImageRequest) (*runtimeapi.RemoveImageResponse, error) {
	if err := r.images.Remove(req.GetImage().GetImage()); err != nil {
		return nil, err
	}
	return &runtimeapi.RemoveImageResponse{}, nil
}

// ImageFsInfo tells what images and containers take up.
func (r *Runtime) ImageFsInfo(context.Context, *runtimeapi.ImageFsInfoRequest) (*runtimeapi.ImageFsInfoResponse, error) {
	usage, err := r.fsUsage(r.config.Root)
	if err != nil {
		return nil, err
	}
	containers, err := r.fsUsage(r.layersDir())
	if err != nil {
		return nil, err
	}
	return &runtimeapi.ImageFsInfoResponse{
		ImageFilesystems:     []*runtimeapi.FilesystemUsage{usage},
		ContainerFilesystems: []*runtimeapi.FilesystemUsage{containers},
	}, nil
}

func (r *Runtime) fsUsage(dir string) (*runtimeapi.FilesystemUsage, error) {
	bytes, inodes, err := image.DiskUsage(dir)
	if err != nil {
		return nil, err
	}
	return &runtimeapi.FilesystemUsage{
		Timestamp:  r.now().UnixNano(),
		FsId:       &runtimeapi.FilesystemIdentifier{Mountpoint: dir},
		UsedBytes:  &runtimeapi.UInt64Value{Value: bytes},
		InodesUsed: &runtimeapi.UInt64Value{Value: inodes},
	}, nil
}
