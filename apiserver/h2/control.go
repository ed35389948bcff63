package h2

import (
	"errors"
	"math"
	"time"

	"golang.org/x/net/http2"
)

// maxResets is how many more requests a client may give up than it lets
// finish: each costs the server work for which nothing is asked (CVE-2023-44487).
const maxResets = 1000

// onSettings takes the client's settings and acknowledges them.
func (c *conn) onSettings(f *http2.SettingsFrame) error {
	if f.IsAck() {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	err := f.ForeachSetting(func(s http2.Setting) error {
		if err := s.Valid(); err != nil {
			return err
		}
		switch s.ID {
		case http2.SettingHeaderTableSize:
			c.encoder.SetMaxDynamicTableSizeLimit(min(s.Val, 4096))
		case http2.SettingInitialWindowSize:
			return c.resize(int64(s.Val))
		}
		return nil
	})
	if err != nil {
		return err
	}
	c.output.settingsAck()
	return c.answerLater()
}

// resize changes the window of every stream; c.mu must be held.
func (c *conn) resize(first int64) error {
	change := first - c.firstWindow
	c.firstWindow = first
	for _, s := range c.streams {
		if s.window += change; s.window > math.MaxInt32 {
			return http2.ConnectionError(http2.ErrCodeFlowControl)
		}
		s.changed.Broadcast()
	}
	return nil
}

func (c *conn) onWindowUpdate(f *http2.WindowUpdateFrame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.StreamID == 0 {
		if c.window += int64(f.Increment); c.window > math.MaxInt32 {
			return http2.ConnectionError(http2.ErrCodeFlowControl)
		}
		for _, s := range c.streams {
			s.changed.Broadcast()
		}
		return nil
	}
	s := c.streams[f.StreamID]
	if s == nil {
		return c.unknown(f.StreamID)
	}
	if s.window += int64(f.Increment); s.window > math.MaxInt32 {
		return http2.StreamError{StreamID: f.StreamID, Code: http2.ErrCodeFlowControl}
	}
	s.changed.Broadcast()
	return nil
}

func (c *conn) onPing(f *http2.PingFrame) error {
	if f.IsAck() {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.output.ping(f.Data, true)
	return c.answerLater()
}

// onReset ends a request that the client has given up.
func (c *conn) onReset(f *http2.RSTStreamFrame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.streams[f.StreamID]
	if s == nil {
		return c.unknown(f.StreamID)
	}
	if c.resets++; c.resets > maxResets+int(c.finished.Load()) {
		return http2.ConnectionError(http2.ErrCodeEnhanceYourCalm)
	}
	s.end(errors.New("the client has given the request up"))
	delete(c.streams, f.StreamID)
	return c.answerLater()
}

// watchSilence asks a silent client whether it is there and ends connections
// that nobody uses. It returns what stops it.
func (c *conn) watchSilence() (stop func() bool) {
	var (
		timer *time.Timer
		known int64
		quiet time.Duration // since the last frame, about
		asked bool
	)
	step := min(c.front.Ping, c.front.Idle)
	timer = time.AfterFunc(step, func() {
		now := c.seen.Load()
		switch {
		case now != known:
			known, quiet, asked = now, 0, false
		case asked:
			c.fail(errors.New("the client does not answer"))
			return
		default:
			quiet += step
		}
		c.mu.Lock()
		unused := len(c.streams) == 0
		c.mu.Unlock()
		switch {
		case unused && quiet >= c.front.Idle:
			c.drain()
			return
		case !unused && quiet >= c.front.Ping:
			asked = true
			c.mu.Lock()
			c.output.ping([8]byte{'a', 'l', 'i', 'v', 'e'}, false)
			go c.flushLater()
			c.mu.Unlock()
			timer.Reset(c.front.Pong)
			return
		}
		timer.Reset(step)
	})
	return timer.Stop
}
