package allocate

import "math/bits"

// bitmap is a set of numbers below size, of which free ones can be found.
type bitmap struct {
	words []uint64
	size  int
	used  int
}

func newBitmap(size int) *bitmap { return &bitmap{words: make([]uint64, (size+63)/64), size: size} }

func (b *bitmap) has(i int) bool { return b.words[i/64]&(1<<(i%64)) != 0 }

// take sets i and tells whether it was free.
func (b *bitmap) take(i int) bool {
	if b.has(i) {
		return false
	}
	b.words[i/64] |= 1 << (i % 64)
	b.used++
	return true
}

func (b *bitmap) release(i int) {
	if b.has(i) {
		b.words[i/64] &^= 1 << (i % 64)
		b.used--
	}
}

// next returns the first free number from start on, before end, or -1.
func (b *bitmap) next(start, end int) int {
	for i := start; i < end; {
		word := ^b.words[i/64] >> (i % 64)
		if word == 0 {
			i += 64 - i%64
			continue
		}
		if found := i + bits.TrailingZeros64(word); found < end {
			return found
		}
		return -1
	}
	return -1
}
