package apiserver

import (
	"minke/apiserver/h2"
	"minke/store/cache"
)

// offers tells whether events can be written by others than the stream's
// goroutine: they need nothing that may wait, such as a conversion webhook, and
// the connection does not wait for the client either.
func (s *stream) offers() bool {
	if s.c.end.Convert != nil || s.c.accepted.As == "Table" {
		return false
	}
	s.now, _ = s.c.w.ResponseWriter.(h2.Offer)
	return s.now != nil
}

// offer writes events as far as that is possible at once, and tells how many.
// The cache's fan calls it; see cache.Watcher.Direct.
func (s *stream) offer(events []*cache.Event) (taken int) {
	s.offering = true
	defer func() { s.offering = false }()
	for i, e := range events {
		if !s.change(e) {
			s.takeBack()
			return taken
		}
		if s.buffer != nil && len(*s.buffer) < offerBuffer && i < len(events)-1 {
			continue
		}
		if !s.offered() {
			return taken
		}
		taken = i + 1
	}
	return taken
}

// offered sends what was gathered, or forgets it.
func (s *stream) offered() bool {
	if s.buffer == nil {
		return true // nothing was selected
	}
	size := len(*s.buffer)
	if !s.now.Offer(*s.buffer) {
		s.takeBack()
		return false
	}
	s.c.w.bytes += size
	s.count()
	s.drop()
	return true
}

// takeBack forgets what was gathered.
func (s *stream) takeBack() {
	s.drop()
	s.forget()
}

// offerBuffer is how many bytes are gathered before they are offered.
const offerBuffer = 52 << 10
