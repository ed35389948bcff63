package registry

import (
	"context"
	"errors"
	"io"
	"time"
)

// body is a transfer that takes up again after a break.
type body struct {
	repo   *Repository
	ctx    context.Context
	path   string
	got    int64 // bytes that were handed on
	breaks int   // in a row, without a byte in between

	current io.ReadCloser
	cancel  context.CancelFunc // ends the current attempt
	timer   *time.Timer
}

func (b *body) open() error {
	ctx, cancel := context.WithCancel(b.ctx)
	resp, err := b.repo.get(ctx, b.path, b.got)
	if err != nil {
		cancel()
		return err
	}
	b.current, b.cancel = resp.Body, cancel
	b.timer = time.AfterFunc(stall, cancel)
	return nil
}

func (b *body) Read(p []byte) (int, error) {
	for {
		n, err := b.current.Read(p)
		b.got += int64(n)
		if n > 0 {
			b.breaks = 0
			b.timer.Reset(stall)
			if err != io.EOF {
				err = nil
			}
			return n, err
		}
		if err == nil || err == io.EOF {
			return 0, err
		}
		b.breaks++
		if b.ctx.Err() != nil || b.breaks >= attempts {
			return 0, err
		}
		if cerr := b.Close(); cerr != nil && b.ctx.Err() != nil {
			return 0, errors.Join(err, cerr)
		}
		if err := b.open(); err != nil {
			return 0, err
		}
	}
}

func (b *body) Close() error {
	b.timer.Stop()
	b.cancel()
	return b.current.Close()
}
