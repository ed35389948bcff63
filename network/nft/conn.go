// Package nft is the vocabulary in which Minke's parts write nftables rules: a
// connection that applies transactions atomically, and expressions named after
// what they match. It speaks netlink; no nft program is needed.
package nft

import (
	"fmt"
	"os"
	"sync"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
)

// socketBuffer holds a whole transaction and all its acknowledgements: the
// kernel answers every message of a batch only after the last one, so a small
// buffer would lose answers (ENOBUFS) of a big transaction.
const socketBuffer = 64 << 20

// elementsPerMessage keeps one message's element list below the 64 KiB that a
// netlink attribute can hold, at the longest element in use (about 140 bytes).
const elementsPerMessage = 400

// Conn applies transactions in the network namespace in which it was opened,
// whichever thread calls it.
type Conn struct {
	mu    sync.Mutex // guards conn and the transaction in the making
	netns *os.File
	conn  *nftables.Conn
}

// Open binds a Conn to the calling thread's network namespace.
func Open() (*Conn, error) {
	ns, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return nil, fmt.Errorf("open nftables: %w", err)
	}
	c := &Conn{netns: ns}
	if err := c.dial(); err != nil {
		ns.Close()
		return nil, err
	}
	return c, nil
}

func (c *Conn) dial() error {
	conn, err := nftables.New(nftables.AsLasting(), nftables.WithNetNSFd(int(c.netns.Fd())),
		nftables.WithSockOptions(func(s *netlink.Conn) error {
			if err := s.SetReadBuffer(socketBuffer); err != nil {
				return err
			}
			return s.SetWriteBuffer(socketBuffer)
		}))
	if err != nil {
		return fmt.Errorf("open nftables: %w", err)
	}
	c.conn = conn
	return nil
}

// Close ends the connection.
func (c *Conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.netns.Close()
	if c.conn == nil {
		return nil
	}
	return c.conn.CloseLasting()
}

// Tx is a transaction being written down.
type Tx struct{ *nftables.Conn }

// Apply runs write and then applies what it wrote as one transaction: all of
// it or, with an error, nothing.
func (c *Conn) Apply(write func(tx Tx) error) error {
	return c.use(func(conn *nftables.Conn) error {
		if err := write(Tx{conn}); err != nil {
			return err
		}
		return conn.Flush()
	})
}

// Read runs read on the connection, outside any transaction.
func (c *Conn) Read(read func(conn *nftables.Conn) error) error { return c.use(read) }

// Has tells whether the tables exist: somebody may have flushed all rules.
func (c *Conn) Has(tables ...*nftables.Table) bool {
	return c.use(func(conn *nftables.Conn) error {
		for _, t := range tables {
			if _, err := conn.ListTableOfFamily(t.Name, t.Family); err != nil {
				return err
			}
		}
		return nil
	}) == nil
}

// use runs f; after an error the connection is replaced, since unread answers
// or half a transaction may be left in it.
func (c *Conn) use(f func(*nftables.Conn) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn == nil {
		if err := c.dial(); err != nil {
			return err
		}
	}
	err := f(c.conn)
	if err != nil {
		c.conn.CloseLasting()
		c.conn = nil
	}
	return err
}

// Replace deletes the table with all it holds, if it exists, and creates it
// anew within the same transaction.
func (tx Tx) Replace(t *nftables.Table) {
	tx.AddTable(t)
	tx.DelTable(t)
	tx.AddTable(t)
}

// Remove deletes the table with all it holds, if it exists.
func (tx Tx) Remove(t *nftables.Table) {
	tx.AddTable(t)
	tx.DelTable(t)
}

// Rule appends a rule made of parts to the chain.
func (tx Tx) Rule(c *nftables.Chain, parts ...Expr) {
	r := &nftables.Rule{Table: c.Table, Chain: c}
	for _, p := range parts {
		r.Exprs = append(r.Exprs, p...)
	}
	tx.AddRule(r)
}

// Add adds elements to a set or map, however many.
func (tx Tx) Add(s *nftables.Set, elements ...nftables.SetElement) error {
	return inPieces(elements, func(p []nftables.SetElement) error { return tx.SetAddElements(s, p) })
}

// Delete removes elements, which must exist.
func (tx Tx) Delete(s *nftables.Set, elements ...nftables.SetElement) error {
	return inPieces(elements, func(p []nftables.SetElement) error { return tx.SetDeleteElements(s, p) })
}

func inPieces(elements []nftables.SetElement, do func([]nftables.SetElement) error) error {
	for len(elements) > 0 {
		n := min(len(elements), elementsPerMessage)
		if err := do(elements[:n]); err != nil {
			return err
		}
		elements = elements[n:]
	}
	return nil
}
