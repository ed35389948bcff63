package flowcontrol

import "math"

// claim is what one level brings to the sharing of seats.
type claim struct {
	exempt               bool
	nominal, least, most int
	high                 int // the most seats that it could have used
	smoothed             float64
}

// floor is what the level keeps: what it needs of its nominal seats, and what
// it may not lend.
func (c claim) floor() int {
	if c.exempt {
		return max(c.least, c.high)
	}
	return max(c.least, min(c.nominal, c.high))
}

// minTarget stands for a demand of nothing, so that idle levels share too.
const minTarget = 0.001

func (c claim) target() float64 { return max(float64(c.floor()), c.smoothed, minTarget) }

// share divides the server's seats among the levels (KEP-1040, "Dispatching"):
// each gets the same fraction of its target, but no less than its floor and no
// more than it may borrow. It returns the seats of each level, and the fraction.
func share(seats int, claims []claim) (limits []int, fraction float64) {
	limits = make([]int, len(claims))
	left, leasts, floors := seats, 0, 0
	for i, c := range claims {
		if c.exempt {
			limits[i] = c.floor()
			left -= limits[i]
			continue
		}
		leasts += c.least
		floors += c.floor()
	}
	switch {
	case left <= leasts:
		each(claims, limits, func(c claim) int { return c.least })
	case left <= floors:
		part := float64(left-leasts) / float64(floors-leasts)
		each(claims, limits, func(c claim) int { return c.least + round(float64(c.floor()-c.least)*part) })
	default:
		fraction = fair(float64(left), claims)
		each(claims, limits, func(c claim) int { return round(c.at(fraction)) })
	}
	return limits, fraction
}

func each(claims []claim, limits []int, f func(claim) int) {
	for i, c := range claims {
		if !c.exempt {
			limits[i] = f(c)
		}
	}
}

// at returns the level's seats, not rounded, when all get fraction.
func (c claim) at(fraction float64) float64 {
	return min(float64(c.most), max(float64(c.floor()), fraction*c.target()))
}

// fair finds the fraction at which the seats are used up, by halving: what is
// given away grows with the fraction.
func fair(seats float64, claims []claim) float64 {
	given := func(fraction float64) (sum float64) {
		for _, c := range claims {
			if !c.exempt {
				sum += c.at(fraction)
			}
		}
		return sum
	}
	low, high := 0.0, seats/minTarget
	for range 80 {
		if mid := (low + high) / 2; given(mid) < seats {
			low = mid
		} else {
			high = mid
		}
	}
	return high
}

func round(f float64) int { return int(math.Round(f)) }
