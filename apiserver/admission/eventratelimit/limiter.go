package eventratelimit

import (
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"minke/apiserver/recent"
)

const (
	defaultSize = 4096
	forever     = time.Duration(math.MaxInt64)
)

// limiter has a bucket of tokens for each key, of a bounded number of keys.
type limiter struct {
	Limit
	now     func() time.Time
	mu      sync.Mutex // keeps two from making a bucket for one key
	buckets *recent.Cache[string, *rate.Limiter]
}

func newLimiter(l Limit, now func() time.Time) *limiter {
	size := int(l.CacheSize)
	if size == 0 {
		size = defaultSize
	}
	return &limiter{Limit: l, now: now, buckets: recent.New[string, *rate.Limiter](size, now)}
}

// accept takes a token for key, if there is one.
func (l *limiter) accept(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, ok := l.buckets.Get(key)
	if !ok {
		b = rate.NewLimiter(rate.Limit(l.QPS), int(l.Burst))
		l.buckets.Put(key, b, forever)
	}
	return b.AllowN(l.now(), 1)
}
