package runtime

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"minke/runtime/registry"
)

// PullImage brings an image into the store and returns its ID.
func (r *Runtime) PullImage(ctx context.Context, req *runtimeapi.PullImageRequest) (*runtimeapi.PullImageResponse, error) {
	creds, err := credentials(req.GetAuth())
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	i, err := r.images.Pull(ctx, r.registry, req.GetImage().GetImage(), creds)
	switch {
	case errors.Is(err, registry.ErrNotFound):
		return nil, status.Error(codes.NotFound, err.Error())
	case err != nil:
		return nil, status.Error(codes.Unknown, err.Error())
	}
	return &runtimeapi.PullImageResponse{ImageRef: string(i.ID)}, nil
}

// credentials reads a pull secret's entry: auth is "user:password" in base64.
func credentials(a *runtimeapi.AuthConfig) (registry.Credentials, error) {
	c := registry.Credentials{
		Username: a.GetUsername(), Password: a.GetPassword(),
		IdentityToken: a.GetIdentityToken(), RegistryToken: a.GetRegistryToken(),
	}
	if c.Username == "" && a.GetAuth() != "" {
		data, err := base64.StdEncoding.DecodeString(a.GetAuth())
		if err != nil {
			return c, fmt.Errorf("auth is not base64: %w", err)
		}
		user, password, ok := strings.Cut(string(data), ":")
		if !ok {
			return c, errors.New("auth is not user:password")
		}
		c.Username, c.Password = user, strings.Trim(password, "\x00")
	}
	return c, nil
}
