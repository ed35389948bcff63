package h2

import (
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"golang.org/x/net/http2"
)

// output is what waits to be written to a connection; conn.mu guards it.
type output struct {
	buffer  *[]byte   // nil: nothing waits, and an idle connection holds nothing
	writing bool      // somebody writes what was here before
	failed  bool      // a write has failed
	done    sync.Cond // a write has ended
	room    sync.Cond // there may be room again
	// turn counts the buffers, so that a frame knows whether it is still here.
	turn uint64
	// deadline is the one that the connection has.
	deadline time.Time
}

// frameHead is the size of what every frame begins with.
const frameHead = 9

// From flushAt bytes on a handler's output is written out even if nobody asks;
// with fullAt bytes waiting handlers wait, and from tooMuch bytes on a client
// that provokes answers and does not take them is cut off.
const (
	flushAt = 64 << 10
	fullAt  = 256 << 10
	tooMuch = 1 << 20
)

var errTooMuch = errors.New("the client does not take the answers that it provokes")

func (o *output) size() int {
	if o.buffer == nil {
		return 0
	}
	return len(*o.buffer)
}

// frame appends a frame's head and returns the buffer, to which its payload of
// size bytes must be appended.
func (o *output) frame(size int, kind http2.FrameType, flags http2.Flags, id uint32) *[]byte {
	o.reserve(frameHead + size)
	b := append(*o.buffer, byte(size>>16), byte(size>>8), byte(size), byte(kind), byte(flags))
	*o.buffer = binary.BigEndian.AppendUint32(b, id)
	return o.buffer
}

func (o *output) data(id uint32, p []byte, last bool) {
	var flags http2.Flags
	if last {
		flags = http2.FlagDataEndStream
	}
	b := o.frame(len(p), http2.FrameData, flags, id)
	*b = append(*b, p...)
}

// header appends a header block, in as many frames as it needs.
func (o *output) header(id uint32, block []byte, last bool) {
	kind, flags := http2.FrameHeaders, http2.Flags(0)
	if last {
		flags |= http2.FlagHeadersEndStream
	}
	for {
		part := block[:min(len(block), maxFrame)]
		if block = block[len(part):]; len(block) == 0 {
			flags |= http2.FlagHeadersEndHeaders
		}
		b := o.frame(len(part), kind, flags, id)
		*b = append(*b, part...)
		if len(block) == 0 {
			return
		}
		kind, flags = http2.FrameContinuation, 0
	}
}

func (o *output) settings(settings ...http2.Setting) {
	b := o.frame(6*len(settings), http2.FrameSettings, 0, 0)
	for _, s := range settings {
		*b = binary.BigEndian.AppendUint16(*b, uint16(s.ID))
		*b = binary.BigEndian.AppendUint32(*b, s.Val)
	}
}

func (o *output) settingsAck() { o.frame(0, http2.FrameSettings, http2.FlagSettingsAck, 0) }

func (o *output) windowUpdate(id uint32, increment int) {
	b := o.frame(4, http2.FrameWindowUpdate, 0, id)
	*b = binary.BigEndian.AppendUint32(*b, uint32(increment))
}

func (o *output) ping(data [8]byte, ack bool) {
	var flags http2.Flags
	if ack {
		flags = http2.FlagPingAck
	}
	b := o.frame(len(data), http2.FramePing, flags, 0)
	*b = append(*b, data[:]...)
}

func (o *output) reset(id uint32, code http2.ErrCode) {
	b := o.frame(4, http2.FrameRSTStream, 0, id)
	*b = binary.BigEndian.AppendUint32(*b, uint32(code))
}

func (o *output) goAway(last uint32, code http2.ErrCode) {
	b := o.frame(8, http2.FrameGoAway, 0, 0)
	*b = binary.BigEndian.AppendUint32(*b, last)
	*b = binary.BigEndian.AppendUint32(*b, uint32(code))
}

// flush writes what waits, unless somebody is at it already, who will then see
// to it. c.mu must be held; it is given up while the connection is written to.
func (c *conn) flush() {
	o := &c.output
	if o.writing || o.failed {
		return
	}
	for o.size() > 0 && c.err == nil {
		buffer := o.take()
		c.mu.Unlock()
		err := c.writeFairly(*buffer)
		recycle(buffer)
		c.mu.Lock()
		if !c.written(err) {
			return
		}
	}
}

// take begins a write of all that waits.
func (o *output) take() *[]byte {
	buffer := o.buffer
	o.buffer, o.writing = nil, true
	o.turn++
	o.room.Signal()
	return buffer
}

// written ends a write, and the connection if it has failed. c.mu must be held.
func (c *conn) written(err error) bool {
	c.output.writing = false
	c.output.done.Broadcast()
	if c.output.size() == 0 || err != nil {
		c.output.room.Broadcast()
	}
	if err != nil {
		c.output.failed = true
		go c.fail(err)
	}
	return err == nil
}

// write is called by one goroutine at a time. The deadline moves in steps, so
// that most writes need not set it.
func (c *conn) write(p []byte) error {
	now := time.Now()
	if stall := c.front.Stall; c.output.deadline.Sub(now) < stall {
		c.output.deadline = now.Add(stall + stall/4)
		if err := c.tls.SetWriteDeadline(c.output.deadline); err != nil {
			return err
		}
	}
	if c.socket != nil {
		c.socket.announce(len(p))
	}
	_, err := c.tls.Write(p)
	return err
}

// fairFrom is the size in bytes of a write from which it waits for its place
// among those of other connections.
const fairFrom = maxFrame

// writeFairly is write for those who may wait.
func (c *conn) writeFairly(p []byte) error {
	if len(p) < fairFrom || c.socket == nil {
		return c.write(p)
	}
	c.writing.enter()
	defer c.writing.leave()
	c.socket.share(c.writing)
	defer c.socket.share(nil)
	return c.write(p)
}

// flushLater is flush for those who may not wait, in a goroutine.
func (c *conn) flushLater() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flush()
}

// flushAll returns when all is written, by whomever.
func (c *conn) flushAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.flush(); c.output.writing; c.flush() {
		c.output.done.Wait()
	}
}

// answerLater sends what the reader has put into the output. It must not wait
// for the client to take it, or both would wait for each other. c.mu must be
// held.
func (c *conn) answerLater() error {
	if c.output.size() > tooMuch {
		return errTooMuch
	}
	if c.output.size() > 0 && !c.output.writing {
		go c.flushLater()
	}
	return nil
}
