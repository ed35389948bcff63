package h2

import "sync"

// bufferSizes are those in bytes of the buffers that outputs use. Most answers
// fit into the smallest, what is written out by itself (flushAt) into the next,
// and what waits at most (fullAt) into the largest. An output that grew as
// append lets it would leave five times its size behind.
var bufferSizes = [...]int{4 << 10, flushAt + 2*maxFrame, fullAt + 4*maxFrame}

// buffers are those that nobody uses.
var buffers [len(bufferSizes)]sync.Pool

// newBuffer returns an empty one with room for size bytes.
func newBuffer(size int) *[]byte {
	for i, has := range bufferSizes {
		if size > has {
			continue
		}
		if b, ok := buffers[i].Get().(*[]byte); ok {
			return b
		}
		b := make([]byte, 0, has)
		return &b
	}
	b := make([]byte, 0, 2*size) // only a client that takes nothing brings this about
	return &b
}

// recycle takes back a buffer that is not used any more.
func recycle(buffer *[]byte) {
	for i, has := range bufferSizes {
		if cap(*buffer) == has {
			*buffer = (*buffer)[:0]
			buffers[i].Put(buffer)
			return
		}
	}
}

// reserve makes room for size bytes more.
func (o *output) reserve(size int) {
	have := o.buffer
	if have != nil && cap(*have)-len(*have) >= size {
		return
	}
	o.buffer = newBuffer(o.size() + size)
	if have != nil {
		*o.buffer = append(*o.buffer, *have...)
		recycle(have)
	}
}
