package etcd

import (
	"google.golang.org/grpc/connectivity"
)

// tellState logs once when etcd goes away, and once when it is back, however
// many calls and watches wait for it.
func (s *Store) tellState() {
	away := false
	for state := s.conn.GetState(); ; state = s.conn.GetState() {
		switch {
		case state == connectivity.TransientFailure && !away:
			away = true
			s.opts.Log.Warn("etcd cannot be reached", "endpoints", s.opts.Endpoints)
		case state == connectivity.Ready && away:
			away = false
			s.opts.Log.Info("etcd is back", "endpoints", s.opts.Endpoints)
		}
		if !s.conn.WaitForStateChange(s.ctx, state) {
			return
		}
	}
}
