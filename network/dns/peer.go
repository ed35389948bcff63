package dns

import (
	"net"
	"net/netip"
)

// peer is where a packet came from. UDP sockets get by without allocating.
type peer struct {
	udp   netip.AddrPort
	other net.Addr
}

func readFrom(p net.PacketConn, b []byte) (int, peer, error) {
	if u, ok := p.(*net.UDPConn); ok {
		n, from, err := u.ReadFromUDPAddrPort(b)
		return n, peer{udp: from}, err
	}
	n, from, err := p.ReadFrom(b)
	return n, peer{other: from}, err
}

func (to peer) write(p net.PacketConn, b []byte) error {
	if u, ok := p.(*net.UDPConn); ok {
		_, err := u.WriteToUDPAddrPort(b, to.udp)
		return err
	}
	_, err := p.WriteTo(b, to.other)
	return err
}
