package cluster

import "testing"

func TestGrowth(t *testing.T) {
	for _, c := range []struct {
		live uint64
		want int
	}{{0, 100}, {25 << 20, 100}, {30 << 20, 100}, {60 << 20, 50}, {100 << 20, 30}, {4 << 30, 30}} {
		if got := growth(c.live); got != c.want {
			t.Errorf("%d bytes in use: %d%%, want %d%%", c.live, got, c.want)
		}
	}
}
