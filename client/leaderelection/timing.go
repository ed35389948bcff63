package leaderelection

import (
	"fmt"
	"time"
)

// Timing is how fast leadership changes hands.
type Timing struct {
	// LeaseDuration is after how long without a renewal others take the lease.
	LeaseDuration time.Duration
	// RenewDeadline is after how long without a renewal a leader gives up.
	RenewDeadline time.Duration
	// RetryPeriod is the pause between renewals, and between tries to take.
	RetryPeriod time.Duration
}

// DefaultTiming is that of Kubernetes' components.
var DefaultTiming = Timing{LeaseDuration: 15 * time.Second, RenewDeadline: 10 * time.Second, RetryPeriod: 2 * time.Second}

// jitter is by how much a pause between tries may be longer, as a factor.
const jitter = 1.2

// Check tells what is wrong with t. The rules and the flags that it names are
// those of Kubernetes' components.
func (t Timing) Check() error {
	switch {
	case t.RetryPeriod <= 0:
		return fmt.Errorf("--leader-elect-retry-period must be greater than zero, not %v", t.RetryPeriod)
	case float64(t.RenewDeadline) <= jitter*float64(t.RetryPeriod):
		return fmt.Errorf("--leader-elect-renew-deadline (%v) must be greater than %v times --leader-elect-retry-period (%v)", t.RenewDeadline, jitter, t.RetryPeriod)
	case t.LeaseDuration <= t.RenewDeadline:
		return fmt.Errorf("--leader-elect-lease-duration (%v) must be greater than --leader-elect-renew-deadline (%v)", t.LeaseDuration, t.RenewDeadline)
	case t.LeaseDuration%time.Second != 0:
		return fmt.Errorf("--leader-elect-lease-duration must be whole seconds, not %v", t.LeaseDuration)
	}
	return nil
}
