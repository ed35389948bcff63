package fake

import (
	"errors"
	"math/rand/v2"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Faults are chances, from 0 to 1, of what goes wrong with each request. Print
// the seed of Rand.
type Faults struct {
	Rand *rand.Rand
	// Fail answers with an internal error and does nothing.
	Fail float64
	// Lose does what a write asks but answers with an error.
	Lose float64
	// Conflict answers an update or patch with a Conflict and does nothing.
	Conflict float64
	// EndWatch ends a watch before an event, Expire ends it with Expired.
	EndWatch, Expire float64
	// Delay is the longest pause before a request is handled.
	Delay time.Duration
}

// SetFaults replaces the faults; the zero value ends them.
func (s *Server) SetFaults(f Faults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.Rand != nil {
		// The test goes on using its own, from its own goroutine.
		f.Rand = rand.New(rand.NewPCG(f.Rand.Uint64(), f.Rand.Uint64()))
	}
	s.faults = f
}

// chance must be called with the server's lock held.
func (f *Faults) chance(p float64) bool { return f.Rand != nil && p > 0 && f.Rand.Float64() < p }

func (f *Faults) failure() error {
	return apierrors.NewInternalError(errors.New("a fault of the test"))
}

func (s *Server) pause() {
	s.mu.Lock()
	var d time.Duration
	if s.faults.Rand != nil && s.faults.Delay > 0 {
		d = time.Duration(s.faults.Rand.Int64N(int64(s.faults.Delay)))
	}
	s.mu.Unlock()
	if d > 0 {
		time.Sleep(d)
	}
}
