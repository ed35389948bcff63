package dns

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// BindLocal makes ip an address of the calling thread's network namespace, on
// its loopback interface, so that the server can listen there and pods reach it
// by way of their gateway, without translation. Again does nothing.
func BindLocal(ip netip.Addr) error {
	ip = ip.Unmap()
	addr := &netlink.Addr{IPNet: &net.IPNet{IP: ip.AsSlice(), Mask: net.CIDRMask(ip.BitLen(), ip.BitLen())}, Scope: unix.RT_SCOPE_UNIVERSE}
	if ip.Is6() {
		addr.Flags = unix.IFA_F_NODAD
	}
	// The loopback interface is the first of every namespace.
	if err := netlink.AddrReplace(&netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: 1, Name: "lo"}}, addr); err != nil {
		return fmt.Errorf("bind cluster DNS address %s to lo: %w", ip, err)
	}
	return nil
}

// UnbindLocal takes back what BindLocal did.
func UnbindLocal(ip netip.Addr) error {
	ip = ip.Unmap()
	addr := &netlink.Addr{IPNet: &net.IPNet{IP: ip.AsSlice(), Mask: net.CIDRMask(ip.BitLen(), ip.BitLen())}}
	if err := netlink.AddrDel(&netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: 1, Name: "lo"}}, addr); err != nil {
		return fmt.Errorf("take cluster DNS address %s from lo: %w", ip, err)
	}
	return nil
}
