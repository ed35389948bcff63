package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// source is what a process needs that sends requests; it comes by its
// environment.
type source struct {
	Address       string
	Path          string
	User          string
	Gzip          bool
	Connections   int
	CA, Cert, Key []byte
	// Calm makes the process the calm client, otherwise it is the flood.
	Calm bool
	// Place is what it gets of the processors.
	Place place
}

// sourceVariable makes this program such a process.
const sourceVariable = "BENCH_SOURCE"

// beSource does what settings say until it has done so, or is killed.
func beSource(ctx context.Context, settings string) error {
	var from source
	if err := json.Unmarshal([]byte(settings), &from); err != nil {
		return err
	}
	if err := from.Place.apply(os.Getpid()); err != nil {
		return err
	}
	if from.Calm {
		return beCalm(ctx, from)
	}
	return beFlood(ctx, from)
}

func (from source) tls() (*tls.Config, error) {
	pair, err := tls.X509KeyPair(from.Cert, from.Key)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(from.CA) {
		return nil, errors.New("read the cluster's CA: no certificate in it")
	}
	host, _, err := net.SplitHostPort(from.Address)
	return &tls.Config{ServerName: host, RootCAs: roots, Certificates: []tls.Certificate{pair}, NextProtos: []string{http2.NextProtoTLS}}, err
}

// headers are those of the requests. Users are impersonated: tokens would have
// to be verified, which costs more than a read.
func (from source) headers() map[string]string {
	h := map[string]string{"accept": "application/json", "user-agent": "bench", "impersonate-user": from.User, "impersonate-group": floodGroup}
	if from.Gzip {
		h["accept-encoding"] = "gzip"
	}
	return h
}

// beFlood keeps floodRequests requests under way until it is killed, and says
// every tenth of a second after how long how many were answered and refused. It costs
// far less than an ordinary client: its requests are ready made, and it looks
// at the heads of frames only.
func beFlood(ctx context.Context, from source) error {
	config, err := from.tls()
	if err != nil {
		return err
	}
	ended := make(chan error)
	var answered, refused atomic.Int64
	for range from.Connections {
		c, err := tls.Dial("tcp", from.Address, config)
		if err != nil {
			return err
		}
		f := &flooding{conn: c, block: from.block(), answered: &answered, refused: &refused}
		go func() { ended <- f.run(floodRequests / from.Connections) }()
	}
	began := time.Now()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			return err
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if _, err := fmt.Println(time.Since(began).Seconds(), answered.Load(), refused.Load()); err != nil {
				return err
			}
		}
	}
}

// block returns the header block of every request, which leaves the
// connection's table as it is.
func (from source) block() []byte {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	fields := [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", from.Address}, {":path", from.Path}}
	h := from.headers()
	for _, name := range slices.Sorted(maps.Keys(h)) {
		fields = append(fields, [2]string{name, h[name]})
	}
	for _, f := range fields {
		// A bytes.Buffer does not fail.
		_ = e.WriteField(hpack.HeaderField{Name: f[0], Value: f[1], Sensitive: true})
	}
	return b.Bytes()
}

// flooding is one connection of the flood.
type flooding struct {
	conn              io.ReadWriter
	block             []byte
	answered, refused *atomic.Int64
	next              uint32
	unread            int // bytes that the server may not send again yet
}

const (
	floodStreamWindow = 16 << 20
	floodConnWindow   = 1 << 30
)

func (f *flooding) run(requests int) error {
	out := bufio.NewWriterSize(f.conn, 64<<10)
	in := bufio.NewReaderSize(f.conn, 64<<10)
	frames := http2.NewFramer(out, in)
	frames.SetReuseFrames()
	if _, err := out.WriteString(http2.ClientPreface); err != nil {
		return err
	}
	err := errors.Join(
		frames.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: floodStreamWindow}),
		frames.WriteWindowUpdate(0, floodConnWindow))
	if err != nil {
		return err
	}
	f.next = 1
	for due := requests; ; {
		// What the server has answered together is asked for again together.
		if in.Buffered() == 0 {
			for ; due > 0; due-- {
				if err := frames.WriteHeaders(http2.HeadersFrameParam{StreamID: f.next, BlockFragment: f.block, EndStream: true, EndHeaders: true}); err != nil {
					return err
				}
				f.next += 2
			}
			if err := out.Flush(); err != nil {
				return err
			}
		}
		frame, err := frames.ReadFrame()
		if err != nil {
			return err
		}
		ended, err := f.on(frames, frame)
		if err != nil {
			return err
		}
		if ended {
			due++
		}
	}
}

// on tells whether the frame ends an answer.
func (f *flooding) on(frames *http2.Framer, frame http2.Frame) (ended bool, err error) {
	switch frame := frame.(type) {
	case *http2.SettingsFrame:
		if !frame.IsAck() {
			return false, frames.WriteSettingsAck()
		}
	case *http2.PingFrame:
		return false, frames.WritePing(true, frame.Data)
	case *http2.GoAwayFrame:
		return false, fmt.Errorf("the server goes away: %v %s", frame.ErrCode, frame.DebugData())
	case *http2.RSTStreamFrame:
		f.refused.Add(1)
		return true, nil
	case *http2.HeadersFrame:
		// The first field is the status, 200 by its index in the static table.
		if b := frame.HeaderBlockFragment(); len(b) > 0 && b[0] == 0x88 {
			f.answered.Add(1)
		} else {
			f.refused.Add(1)
		}
		return frame.StreamEnded(), nil
	case *http2.DataFrame:
		f.unread += int(frame.Length)
		if f.unread >= 1<<20 {
			err = frames.WriteWindowUpdate(0, uint32(f.unread))
			f.unread = 0
		}
		return frame.StreamEnded(), err
	}
	return false, nil
}

// environment is what makes a process do what from says.
func (from source) environment() ([]string, error) {
	settings, err := json.Marshal(from)
	return append(os.Environ(), sourceVariable+"="+string(settings)), err
}
