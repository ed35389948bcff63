package cluster

import (
	"context"
	"net"
	"net/http"
	"strconv"

	"minke/api/inprocess"
	"minke/apiserver"
	"minke/apiserver/authz"
	"minke/apiserver/discovery"
	"minke/apiserver/request"
	"minke/client"
)

// assemble makes the API server and what it asks. They need each other: tokens
// and roles are stored objects, which only the server can read. So the server
// is given functions that look up s.security when they are called.
func (s *Server) assemble(ctx context.Context) error {
	address := net.JoinHostPort(s.cfg.Address.String(), strconv.Itoa(s.cfg.Port))
	actions := discovery.Actions()
	docs := discovery.New(address, s.resources, actions)
	s.inside = &inside{}
	server, err := apiserver.New(apiserver.Config{
		Context: ctx, Log: s.log,
		Store: s.store, Resources: s.resources,
		Authenticate: func(r *http.Request) (*inprocess.User, error) { return s.security.authenticate(r) },
		Authorize: func(ctx context.Context, user *inprocess.User, info *request.Info) error {
			return s.security.authorize(ctx, user, info)
		},
		Discovery: docs,
	})
	if err != nil {
		return err
	}
	s.api = server
	s.inside.source = server
	s.inside.api = client.InProcess(server, server, &inprocess.User{Name: "system:apiserver", Groups: []string{authz.Masters}})
	s.security, err = newSecurity(s.cfg.PKI, s.inside)
	return err
}

func (s *Server) runControllers(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
