package encryption

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"minke/apiserver/configreload"
)

// maxKeyUses bounds the keys of plug-ins that are counted; the one that was not
// used for longest is forgotten.
const maxKeyUses = 100

// keyUses count how often each key of a plug-in was used, and when last.
type keyUses struct {
	// total is nil when only the time is shown.
	total, last *prometheus.Desc

	mu  sync.Mutex // guards all
	all map[keyUse]*keyUsed
}

// keyUse is one key, and what it was used for.
type keyUse struct{ way, plugIn, id string }

type keyUsed struct {
	hash  string // of the id
	count uint64
	last  time.Time
}

// newKeyUses counts keys by what they were used for, or, if not used, notes when
// plug-ins have named them.
func newKeyUses(used bool) *keyUses {
	const name = "apiserver_envelope_encryption_key_id_hash_"
	u := &keyUses{all: map[keyUse]*keyUsed{}}
	if !used {
		u.last = prometheus.NewDesc(name+"status_last_timestamp_seconds", "The last time in seconds when a keyID was returned by the Status RPC call.",
			[]string{"provider_name", "key_id_hash", "apiserver_id_hash"}, nil)
		return u
	}
	labels := []string{"transformation_type", "provider_name", "key_id_hash", "apiserver_id_hash"}
	u.total = prometheus.NewDesc(name+"total", "Number of times a keyID is used split by transformation type, provider, and apiserver identity.", labels, nil)
	u.last = prometheus.NewDesc(name+"last_timestamp_seconds", "The last time in seconds when a keyID was used.", labels, nil)
	return u
}

// use counts one use.
func (u *keyUses) use(way, plugIn, id string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	k := keyUse{way, plugIn, id}
	used := u.all[k]
	if used == nil {
		if len(u.all) >= maxKeyUses {
			u.forget()
		}
		used = &keyUsed{hash: configreload.Hash(id)}
		u.all[k] = used
	}
	used.count++
	used.last = time.Now()
}

// forget drops what was not used for longest; u.mu must be held.
func (u *keyUses) forget() {
	var oldest keyUse
	var at time.Time
	for k, used := range u.all {
		if at.IsZero() || used.last.Before(at) {
			oldest, at = k, used.last
		}
	}
	delete(u.all, oldest)
}

// keyCollector shows keyUses of one server.
type keyCollector struct {
	*keyUses
	server string
}

func (u *keyUses) of(m *metrics) prometheus.Collector { return keyCollector{u, m.server} }

// Describe implements prometheus.Collector.
func (c keyCollector) Describe(to chan<- *prometheus.Desc) {
	to <- c.last
	if c.total != nil {
		to <- c.total
	}
}

// Collect implements prometheus.Collector.
func (c keyCollector) Collect(to chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for k, used := range c.all {
		labels := []string{k.plugIn, used.hash, c.server}
		if c.total != nil {
			labels = append([]string{k.way}, labels...)
			to <- prometheus.MustNewConstMetric(c.total, prometheus.CounterValue, float64(used.count), labels...)
		}
		to <- prometheus.MustNewConstMetric(c.last, prometheus.GaugeValue, float64(used.last.UnixNano())/1e9, labels...)
	}
}
