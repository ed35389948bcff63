package h2

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestOutputKeepsItsBytes lets outputs grow through all sizes of buffers, several
// at a time so that they hand buffers to one another.
func TestOutputKeepsItsBytes(t *testing.T) {
	const seed = 1
	random := rand.New(rand.NewPCG(seed, seed))
	outputs := make([]output, 4)
	want := make([][]byte, len(outputs))
	for range 2000 {
		i := random.IntN(len(outputs))
		o := &outputs[i]
		if o.size() > fullAt && random.IntN(20) == 0 || o.size() > 2*tooMuch {
			b := o.take()
			if !bytes.Equal(*b, want[i]) {
				t.Fatalf("seed %d: an output of %d bytes has others than were written, or %d of them", seed, len(want[i]), len(*b))
			}
			want[i] = nil
			recycle(b)
		}
		p := bytes.Repeat([]byte{byte(random.IntN(256))}, random.IntN(maxFrame))
		o.data(uint32(i), p, false)
		n := len(p)
		want[i] = append(append(want[i], byte(n>>16), byte(n>>8), byte(n), 0, 0, 0, 0, 0, byte(i)), p...)
	}
}

// TestBuffersHaveTheirSizes since others are not used again.
func TestBuffersHaveTheirSizes(t *testing.T) {
	for _, c := range []struct{ waiting, want int }{
		{1, bufferSizes[0]},
		{bufferSizes[0] + 1, bufferSizes[1]},
		{flushAt + maxFrame, bufferSizes[1]},
		{fullAt + maxFrame, bufferSizes[2]},
	} {
		var o output
		for o.size() < c.waiting {
			o.data(1, make([]byte, min(maxFrame, c.waiting-o.size())), false)
		}
		if got := cap(*o.buffer); got != c.want {
			t.Errorf("%d bytes wait in a buffer of %d, want one of %d", c.waiting, got, c.want)
		}
	}
}
