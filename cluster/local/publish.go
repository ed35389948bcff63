package local

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
)

// maxPublished bounds how many connections a published port carries at a time.
const maxPublished = 1024

// publish passes connections from the host's loopback on to a port of the
// node, until ctx ends.
func (n *node) publish(ctx context.Context, fd int, pub Publish) error {
	l, err := handedListener(fd)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	target := netip.AddrPortFrom(NodeIP(n.index), uint16(pub.Port)).String()
	free := make(chan struct{}, maxPublished)
	var open sync.WaitGroup
	defer open.Wait()
	for {
		conn, err := l.Accept()
		if err != nil {
			return errors.Join(ctx.Err(), ignoreClosed(err))
		}
		free <- struct{}{}
		open.Go(func() {
			defer func() { <-free }()
			if err := carry(ctx, conn, target); err != nil {
				slog.Debug("published connection", "port", pub.Port, "cause", err)
			}
		})
	}
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// carry copies both ways until both sides have ended.
func carry(ctx context.Context, conn net.Conn, target string) error {
	defer conn.Close()
	var dialer net.Dialer
	back, err := dialer.DialContext(ctx, "tcp", target)
	if err != nil {
		return err
	}
	defer back.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close(); back.Close() })
	defer stop()
	errs := make(chan error, 2)
	oneWay := func(to, from *net.TCPConn) {
		_, err := io.Copy(to, from)
		errs <- errors.Join(err, to.CloseWrite())
	}
	go oneWay(back.(*net.TCPConn), conn.(*net.TCPConn))
	go oneWay(conn.(*net.TCPConn), back.(*net.TCPConn))
	return errors.Join(<-errs, <-errs)
}
