// Package egresstest has proxies for tests, of both kinds that an egress selector
// can name. They remember what they were asked for.
package egresstest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"

	"google.golang.org/grpc"
	konnectivity "sigs.k8s.io/apiserver-network-proxy/konnectivity-client/proto/client"
)

// Proxy leads connections to addresses, which need not exist, to real ones.
type Proxy struct {
	konnectivity.UnimplementedProxyServiceServer
	// To are the real addresses; one that is not named is refused.
	To map[string]string

	mu    sync.Mutex // guards what follows
	asked []string
	open  map[net.Conn]bool
	ended bool
}

// Asked returns the addresses that the proxy was asked for, in their order.
func (p *Proxy) Asked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.asked)
}

func (p *Proxy) dial(address string) (net.Conn, error) {
	p.mu.Lock()
	p.asked = append(p.asked, address)
	to, ok := p.To[address]
	p.mu.Unlock()
	if !ok {
		return nil, fmt.Errorf("no way to %s", address)
	}
	conn, err := net.Dial("tcp", to)
	if err != nil {
		return nil, err
	}
	p.keep(conn)
	return conn, nil
}

// keep closes conn when the proxy ends.
func (p *Proxy) keep(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		conn.Close()
		return
	}
	if p.open == nil {
		p.open = map[net.Conn]bool{}
	}
	p.open[conn] = true
}

// end closes all connections.
func (p *Proxy) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	for conn := range p.open {
		conn.Close()
	}
}

// Connect serves HTTP's method CONNECT on l until the test ends.
func (p *Proxy) Connect(t testing.TB, l net.Listener) {
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			p.keep(conn)
			running.Go(func() { p.serve(conn) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		p.end()
		running.Wait()
	})
}

func (p *Proxy) serve(front net.Conn) {
	defer front.Close()
	from := bufio.NewReader(front)
	request, err := http.ReadRequest(from)
	if err != nil || request.Method != http.MethodConnect {
		return
	}
	back, err := p.dial(request.Host)
	if err != nil {
		fmt.Fprintf(front, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
		return
	}
	defer back.Close()
	fmt.Fprintf(front, "HTTP/1.1 200 Connection established\r\n\r\n")
	var both sync.WaitGroup
	both.Go(func() { _, _ = io.Copy(back, from); back.Close() })
	both.Go(func() { _, _ = io.Copy(front, back); front.Close() })
	both.Wait()
}

// Konnectivity serves konnectivity's gRPC on l until the test ends.
func (p *Proxy) Konnectivity(t testing.TB, l net.Listener) {
	s := grpc.NewServer()
	konnectivity.RegisterProxyServiceServer(s, p)
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	t.Cleanup(func() {
		p.end()
		s.Stop()
		<-ended
	})
}

// Proxy implements konnectivity.ProxyServiceServer: one tunnel, for one connection.
func (p *Proxy) Proxy(stream konnectivity.ProxyService_ProxyServer) error {
	const id = 7
	var back net.Conn
	var reading sync.WaitGroup
	var sending sync.Mutex
	send := func(packet *konnectivity.Packet) {
		sending.Lock()
		defer sending.Unlock()
		_ = stream.Send(packet)
	}
	defer reading.Wait()
	for {
		packet, err := stream.Recv()
		if err != nil {
			if back != nil {
				back.Close()
			}
			return nil
		}
		switch packet.Type {
		case konnectivity.PacketType_DIAL_REQ:
			ask := packet.GetDialRequest()
			answer := &konnectivity.DialResponse{Random: ask.Random, ConnectID: id}
			if back, err = p.dial(ask.Address); err != nil {
				answer.Error = err.Error()
			}
			send(&konnectivity.Packet{Type: konnectivity.PacketType_DIAL_RSP, Payload: &konnectivity.Packet_DialResponse{DialResponse: answer}})
			if back != nil {
				reading.Go(func() { p.back(back, id, send) })
			}
		case konnectivity.PacketType_DATA:
			if back != nil {
				_, _ = back.Write(packet.GetData().Data)
			}
		case konnectivity.PacketType_CLOSE_REQ:
			if back != nil {
				back.Close()
			}
		}
	}
}

// back sends what comes from the other end, and says when that is all.
func (p *Proxy) back(from net.Conn, id int64, send func(*konnectivity.Packet)) {
	buffer := make([]byte, 4096)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			send(&konnectivity.Packet{Type: konnectivity.PacketType_DATA, Payload: &konnectivity.Packet_Data{
				Data: &konnectivity.Data{ConnectID: id, Data: slices.Clone(buffer[:n])}}})
		}
		if err != nil {
			send(&konnectivity.Packet{Type: konnectivity.PacketType_CLOSE_RSP, Payload: &konnectivity.Packet_CloseResponse{
				CloseResponse: &konnectivity.CloseResponse{ConnectID: id}}})
			return
		}
	}
}
