package apiserver

// inflight bounds how many requests are served at a time. It is what there is
// without priority and fairness.
type inflight chan struct{}

// admitted takes a place for the request, if there is one.
func (c *call) admitted() (release func(), ok bool) {
	places := c.reads
	if mutates(c.info.Verb) {
		places = c.writes
	}
	select {
	case places <- struct{}{}:
		return func() { <-places }, true
	default:
		return nil, false
	}
}
