package eventratelimit

import (
	"container/list"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const defaultSize = 4096

// limiter has a bucket of tokens for each key, of at most size keys.
type limiter struct {
	Limit
	now  func() time.Time
	size int

	mu sync.Mutex // guards what follows
	// recent holds *bucket, the one used last in front; byKey finds them.
	recent *list.List
	byKey  map[string]*list.Element
}

type bucket struct {
	key    string
	tokens *rate.Limiter
}

func newLimiter(l Limit, now func() time.Time) *limiter {
	size := int(l.CacheSize)
	if size == 0 {
		size = defaultSize
	}
	return &limiter{Limit: l, now: now, size: size, recent: list.New(), byKey: map[string]*list.Element{}}
}

// accept takes a token for key, if there is one.
func (l *limiter) accept(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.byKey[key]
	if e != nil {
		l.recent.MoveToFront(e)
	} else {
		if l.recent.Len() >= l.size {
			oldest := l.recent.Back()
			delete(l.byKey, l.recent.Remove(oldest).(*bucket).key)
		}
		e = l.recent.PushFront(&bucket{key: key, tokens: rate.NewLimiter(rate.Limit(l.QPS), int(l.Burst))})
		l.byKey[key] = e
	}
	return e.Value.(*bucket).tokens.AllowN(l.now(), 1)
}
