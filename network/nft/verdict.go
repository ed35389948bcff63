package nft

import (
	"encoding/binary"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Verdicts that end a rule.
var (
	Accept = Expr{&expr.Verdict{Kind: expr.VerdictAccept}}
	Drop   = Expr{&expr.Verdict{Kind: expr.VerdictDrop}}
	Return = Expr{&expr.Verdict{Kind: expr.VerdictReturn}}
)

// Goto continues in chain and does not come back.
func Goto(chain string) Expr { return Expr{&expr.Verdict{Kind: expr.VerdictGoto, Chain: chain}} }

// Jump continues in chain and comes back.
func Jump(chain string) Expr { return Expr{&expr.Verdict{Kind: expr.VerdictJump, Chain: chain}} }

// GotoElement is an element of a verdict map.
func GotoElement(key []byte, chain string) nftables.SetElement {
	return nftables.SetElement{Key: key, VerdictData: &expr.Verdict{Kind: expr.VerdictGoto, Chain: chain}}
}

// Masquerade gives the packet the address of the interface it leaves by.
func Masquerade() Expr { return Expr{&expr.Masq{FullyRandom: true}} }

// DNAT rewrites the destination to the address at reg and the port after it.
func (f Family) DNAT(reg uint32) Expr {
	return Expr{&expr.NAT{Type: expr.NATTypeDestNAT, Family: uint32(f.Proto), RegAddrMin: reg, RegProtoMin: reg + f.Regs, Specified: true}}
}

// Random loads a random number below n.
func Random(reg uint32, n int) Expr {
	return Expr{&expr.Numgen{Register: reg, Modulus: uint32(n), Type: unix.NFT_NG_RANDOM}}
}

// Number is a number as Random gives it and as keys hold it.
func Number(i uint32) []byte { return binary.NativeEndian.AppendUint32(nil, i) }

// Reset refuses a TCP packet with a reset.
func Reset() Expr { return Expr{&expr.Reject{Type: unix.NFT_REJECT_TCP_RST}} }

// Unreachable refuses a packet with ICMP port unreachable, in tables of one
// family.
func (f Family) Unreachable() Expr {
	code := uint8(3) // ICMP_PORT_UNREACH
	if f.Bits == 128 {
		code = 4 // ICMPV6_PORT_UNREACH
	}
	return Expr{&expr.Reject{Type: unix.NFT_REJECT_ICMP_UNREACH, Code: code}}
}

// operations of a dynamic set (NFT_DYNSET_OP_*).
const opUpdate = 1

// Remember writes the value at valueReg into the map under the key at keyReg
// and starts its timeout anew.
func Remember(s *nftables.Set, keyReg, valueReg uint32) Expr {
	return Expr{&expr.Dynset{SrcRegKey: keyReg, SrcRegData: valueReg, SetName: s.Name, SetID: s.ID, Operation: opUpdate, Timeout: s.Timeout}}
}

// Base describes a chain that the kernel calls.
type Base struct {
	Type     nftables.ChainType
	Hook     *nftables.ChainHook
	Priority nftables.ChainPriority
}

// BaseChain adds a chain that the kernel calls.
func (tx Tx) BaseChain(t *nftables.Table, name string, b Base) *nftables.Chain {
	return tx.AddChain(&nftables.Chain{Table: t, Name: name, Type: b.Type, Hooknum: b.Hook, Priority: &b.Priority})
}

// Chain adds a chain that rules call.
func (tx Tx) Chain(t *nftables.Table, name string) *nftables.Chain {
	return tx.AddChain(&nftables.Chain{Table: t, Name: name})
}
