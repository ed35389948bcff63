package flowcontrol

import (
	"math"
	"time"
)

// demand observes how many seats a level could use, over a period of time.
type demand struct {
	since, at time.Time
	seats     int
	high      int
	// sum and squares are of seats by seconds.
	sum, squares float64
	// smoothed falls slowly and rises at once.
	smoothed float64
	last     observation
}

// window is how long demand is gathered when no period ends: while nobody waits
// nothing is adjusted, and what was long ago says nothing.
const window = period + period/2

// observation is what a period showed.
type observation struct {
	high      int
	mean, dev float64
	smoothed  float64
	target    float64
}

// keepOfSmoothed is how much of the smoothed demand is left after a period
// (KEP-1040): half of it after five minutes.
const keepOfSmoothed = 0.977

func (d *demand) begin(now time.Time) {
	d.since, d.at, d.sum, d.squares, d.high = now, now, 0, 0, d.seats
}

func (d *demand) set(seats int, now time.Time) {
	d.pass(now)
	if now.Sub(d.since) > window {
		d.begin(now)
	}
	d.seats = seats
	d.high = max(d.high, seats)
}

func (d *demand) pass(now time.Time) {
	if s := now.Sub(d.at).Seconds(); s > 0 {
		d.sum += float64(d.seats) * s
		d.squares += float64(d.seats) * float64(d.seats) * s
		d.at = now
	}
}

// end closes the period and begins the next.
func (d *demand) end(now time.Time) observation {
	d.pass(now)
	o := observation{high: d.high, mean: float64(d.seats)}
	if s := now.Sub(d.since).Seconds(); s > 0 {
		o.mean = d.sum / s
		o.dev = math.Sqrt(max(0, d.squares/s-o.mean*o.mean))
	}
	envelope := min(float64(o.high), o.mean+o.dev)
	d.smoothed = max(envelope, keepOfSmoothed*d.smoothed+(1-keepOfSmoothed)*envelope)
	o.smoothed = d.smoothed
	d.last = o
	d.begin(now)
	return o
}
