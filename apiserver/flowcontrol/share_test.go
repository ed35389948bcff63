package flowcontrol

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestDeal(t *testing.T) {
	counts := make([]int, 16)
	for i := range 20000 {
		hand := deal(hashOf(hashSeed, string(rune('a'+i%26))+string(rune(i))), 16, 4, nil)
		if len(hand) != 4 || !slices.IsSorted(hand) || len(slices.Compact(slices.Clone(hand))) != 4 || hand[3] > 15 || hand[0] < 0 {
			t.Fatalf("deal %d: %v", i, hand)
		}
		for _, card := range hand {
			counts[card]++
		}
	}
	for card, n := range counts {
		if n < 4500 || n > 5500 {
			t.Errorf("queue %d was dealt %d times in 20000 hands of 4 of 16, want some 5000", card, n)
		}
	}
	if got := deal(7, 3, 3, nil); !slices.Equal(got, []int{0, 1, 2}) {
		t.Errorf("a hand of all queues: %v", got)
	}
}

func TestShare(t *testing.T) {
	idle := claim{nominal: 30, least: 15, most: 100}
	for _, c := range []struct {
		name   string
		seats  int
		claims []claim
		want   []int
	}{
		{"who needs gets what others lend", 100, []claim{
			{nominal: 50, least: 10, most: 100, high: 90, smoothed: 90}, {nominal: 50, least: 20, most: 100},
		}, []int{80, 20}},
		{"nobody lends what it needs itself", 100, []claim{
			{nominal: 50, least: 10, most: 100, high: 90, smoothed: 90}, {nominal: 50, least: 20, most: 100, high: 70, smoothed: 70},
		}, []int{50, 50}},
		{"borrowing has its limit", 100, []claim{
			{nominal: 50, least: 10, most: 60, high: 90, smoothed: 90}, {nominal: 50, least: 20, most: 100},
		}, []int{60, 40}},
		{"exempt takes first", 100, []claim{
			{exempt: true, high: 40}, {nominal: 50, least: 25, most: 100, high: 50, smoothed: 50}, {nominal: 50, least: 25, most: 100, high: 50, smoothed: 50},
		}, []int{40, 30, 30}},
		{"exempt takes nearly all", 100, []claim{{exempt: true, high: 80}, {nominal: 50, least: 25, most: 100}, {nominal: 50, least: 25, most: 100}}, []int{80, 25, 25}},
		{"all idle", 60, []claim{idle, idle}, []int{30, 30}},
	} {
		if got, _ := share(c.seats, c.claims); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// TestShareBounds checks what must hold of any claims.
func TestShareBounds(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	for range 2000 {
		var claims []claim
		nominal := 0
		for range 1 + r.IntN(6) {
			c := claim{nominal: r.IntN(100), high: r.IntN(200)}
			c.least = c.nominal - c.nominal*r.IntN(101)/100
			c.most = c.nominal + r.IntN(200)
			c.smoothed = float64(c.high) * (1 + r.Float64())
			nominal += c.nominal
			claims = append(claims, c)
		}
		limits, _ := share(nominal, claims)
		sum := 0
		for i, c := range claims {
			sum += limits[i]
			if limits[i] < c.least || limits[i] > c.most {
				t.Fatalf("seed %d: %+v got %d seats", seed, c, limits[i])
			}
		}
		if sum > nominal+len(claims) {
			t.Fatalf("seed %d: %d seats of %d given: %+v %v", seed, sum, nominal, claims, limits)
		}
	}
}
