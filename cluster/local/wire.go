package local

import (
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// bridgeName is the switch between a cluster's nodes.
const bridgeName = "minke"

// wireCluster makes the cluster's network namespace and its bridge.
func wireCluster(p Paths) error {
	file := filepath.Join(p.Run, "net")
	if isNamespace(file) {
		return nil
	}
	return keepNamespaces(map[string]string{"net": file}, func() error {
		if err := setUp("lo"); err != nil {
			return err
		}
		bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: bridgeName}}
		if err := netlink.LinkAdd(bridge); err != nil {
			return fmt.Errorf("create bridge: %w", err)
		}
		if err := addAddress(bridge, netip.PrefixFrom(gateway, nodeNet.Bits())); err != nil {
			return err
		}
		if err := netlink.LinkSetUp(bridge); err != nil {
			return fmt.Errorf("set bridge up: %w", err)
		}
		return writeSysctl("net/ipv4/ip_forward", "1")
	})
}

// wireNode makes the namespaces of the i-th node and plugs it into the bridge.
func wireNode(p Paths, i int) error {
	run := p.NodeRun(NodeName(i))
	if isNamespace(filepath.Join(run, "mnt")) {
		return nil
	}
	if isNamespace(filepath.Join(run, "net")) {
		return keepNamespaces(map[string]string{"mnt": filepath.Join(run, "mnt")}, ownMounts)
	}
	clusterNet, err := netns.GetFromPath(filepath.Join(p.Run, "net"))
	if err != nil {
		return fmt.Errorf("open cluster's network namespace: %w", err)
	}
	defer clusterNet.Close()
	files := map[string]string{"net": filepath.Join(run, "net"), "mnt": filepath.Join(run, "mnt")}
	return keepNamespaces(files, func() error {
		if err := ownMounts(); err != nil {
			return err
		}
		return plug(clusterNet, i)
	})
}

// plug gives the calling thread's network namespace its eth0.
func plug(clusterNet netns.NsHandle, i int) error {
	if err := setUp("lo"); err != nil {
		return err
	}
	port := fmt.Sprintf("port%d", i)
	veth := &netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: "eth0"},
		PeerName:  port, PeerNamespace: netlink.NsFd(clusterNet),
	}
	if err := netlink.LinkAdd(veth); err != nil {
		return fmt.Errorf("create eth0: %w", err)
	}
	if err := addAddress(veth, netip.PrefixFrom(NodeIP(i), nodeNet.Bits())); err != nil {
		return err
	}
	if err := netlink.LinkSetUp(veth); err != nil {
		return fmt.Errorf("set eth0 up: %w", err)
	}
	err := netlink.RouteAdd(&netlink.Route{LinkIndex: veth.Index, Gw: net.IP(gateway.AsSlice())})
	if err != nil {
		return fmt.Errorf("set default route: %w", err)
	}
	return inThread(func() error {
		if err := netns.Set(clusterNet); err != nil {
			return fmt.Errorf("enter cluster's network namespace: %w", err)
		}
		bridge, err := netlink.LinkByName(bridgeName)
		if err != nil {
			return fmt.Errorf("find bridge: %w", err)
		}
		link, err := netlink.LinkByName(port)
		if err != nil {
			return fmt.Errorf("find %s: %w", port, err)
		}
		return wrap("plug "+port, errors.Join(netlink.LinkSetMaster(link, bridge), netlink.LinkSetUp(link)))
	})
}

func setUp(name string) error {
	link, err := netlink.LinkByName(name)
	if err == nil {
		err = netlink.LinkSetUp(link)
	}
	return wrap("set "+name+" up", err)
}

func addAddress(link netlink.Link, address netip.Prefix) error {
	ip := &net.IPNet{IP: address.Addr().AsSlice(), Mask: net.CIDRMask(address.Bits(), address.Addr().BitLen())}
	err := netlink.AddrAdd(link, &netlink.Addr{IPNet: ip})
	if errors.Is(err, unix.EEXIST) {
		return nil
	}
	return wrap(fmt.Sprintf("give %s the address %s", link.Attrs().Name, address), err)
}

// writeSysctl sets a kernel parameter of the calling thread's namespaces.
func writeSysctl(name, value string) error {
	return wrap("set "+name, os.WriteFile("/proc/sys/"+name, []byte(value), 0o644))
}

func readSysctl(name string) (string, error) {
	data, err := os.ReadFile("/proc/sys/" + name)
	return strings.TrimSpace(string(data)), wrap("read "+name, err)
}

// hostLink is the name of the host's end of the way out, at most 15 bytes.
func hostLink(cluster string) string {
	if len(cluster) <= 9 {
		return "minke-" + cluster
	}
	h := fnv.New32a()
	h.Write([]byte(cluster))
	return fmt.Sprintf("minke-%08x", h.Sum32())
}
