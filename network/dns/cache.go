package dns

import (
	"container/list"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// The longest that upstream's answers are kept, in seconds.
const (
	maxTTL         = 300
	maxNegativeTTL = 30
)

// cache remembers upstream's answers as long as they say, the most recently
// used ones.
type cache struct {
	now func() time.Time
	max int

	mu      sync.Mutex // guards what follows
	entries map[question]*list.Element
	recent  *list.List // of *cached, the most recently used first
}

type cached struct {
	question
	answer      *dns.Msg
	kept, until time.Time
}

func newCache(most int, now func() time.Time) *cache {
	return &cache{now: now, max: most, entries: map[question]*list.Element{}, recent: list.New()}
}

// get returns the answer to q, with what is left of its time.
func (c *cache) get(k question, q *dns.Msg) *dns.Msg {
	c.mu.Lock()
	e := c.entries[k]
	if e == nil {
		c.mu.Unlock()
		return nil
	}
	kept, now := e.Value.(*cached), c.now()
	if !now.Before(kept.until) {
		c.drop(e)
		c.mu.Unlock()
		return nil
	}
	c.recent.MoveToFront(e)
	c.mu.Unlock()
	r := asAnswerTo(q, kept.answer)
	age := uint32(now.Sub(kept.kept) / time.Second)
	for _, section := range [][]dns.RR{r.Answer, r.Ns, r.Extra} {
		for _, rr := range section {
			if h := rr.Header(); h.Rrtype != dns.TypeOPT {
				h.Ttl -= min(age, h.Ttl)
			}
		}
	}
	return r
}

func (c *cache) put(k question, r *dns.Msg) {
	ttl := timeToLive(r)
	if ttl == 0 || r.Truncated {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entries[k]; e != nil {
		c.drop(e)
	}
	now := c.now()
	c.entries[k] = c.recent.PushFront(&cached{k, r, now, now.Add(time.Duration(ttl) * time.Second)})
	if c.recent.Len() > c.max {
		c.drop(c.recent.Back())
	}
}

func (c *cache) drop(e *list.Element) {
	delete(c.entries, e.Value.(*cached).question)
	c.recent.Remove(e)
}

// timeToLive is the shortest of the answer's records; for an answer that there
// is none, what its SOA says (RFC 2308); 0 means not to keep it.
func timeToLive(r *dns.Msg) uint32 {
	if r.Rcode != dns.RcodeSuccess && r.Rcode != dns.RcodeNameError {
		return 0
	}
	if r.Rcode == dns.RcodeNameError || len(r.Answer) == 0 {
		for _, rr := range r.Ns {
			if soa, ok := rr.(*dns.SOA); ok {
				return min(soa.Minttl, soa.Hdr.Ttl, maxNegativeTTL)
			}
		}
		return 0
	}
	ttl := uint32(maxTTL)
	for _, section := range [][]dns.RR{r.Answer, r.Ns} {
		for _, rr := range section {
			ttl = min(ttl, rr.Header().Ttl)
		}
	}
	return ttl
}
