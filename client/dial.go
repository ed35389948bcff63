package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync/atomic"
	"time"
)

// anyServerName is the name that the certificate of every API server has.
const anyServerName = "kubernetes"

// dialTime bounds the attempt to reach one server while there are others.
const dialTime = 5 * time.Second

// several reaches one of some servers that are equal. Each connection begins with
// the next one: one that takes connections and then says nothing is left with the
// next attempt, and clients spread over all.
type several struct {
	addresses []string
	next      atomic.Uint32
	dial      func(ctx context.Context, network, address string) (net.Conn, error)
}

func newSeveral(servers []string, dial func(ctx context.Context, network, address string) (net.Conn, error)) (*several, error) {
	s := &several{dial: dial}
	for _, server := range servers {
		u, err := url.Parse(server)
		if err != nil || u.Scheme != "https" || u.Host == "" {
			return nil, fmt.Errorf("use API server %q: want a URL such as https://host:6443", server)
		}
		port := u.Port()
		if port == "" {
			port = "443"
		}
		s.addresses = append(s.addresses, net.JoinHostPort(u.Hostname(), port))
	}
	return s, nil
}

func (s *several) DialContext(ctx context.Context, network, _ string) (net.Conn, error) {
	first := int(s.next.Add(1)-1) % len(s.addresses)
	var errs []error
	for i := range s.addresses {
		try, cancel := context.WithTimeout(ctx, dialTime)
		conn, err := s.dial(try, network, s.addresses[(first+i)%len(s.addresses)])
		cancel()
		if err == nil {
			return conn, nil
		}
		if errs = append(errs, err); ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(errs...)
}
