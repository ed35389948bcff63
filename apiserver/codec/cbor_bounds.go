package codec

import (
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// The major types of CBOR data items (RFC 8949, 3.1) that hold others or bytes.
const (
	majorBytes byte = 2 << 5
	majorText  byte = 3 << 5
	majorArray byte = 4 << 5
	majorMap   byte = 5 << 5
	majorTag   byte = 6 << 5
	majorOther byte = 7 << 5
)

// maxItemsCBOR bounds the data items of a body: one of a byte or two becomes
// some fifty bytes of memory when there is no Go type.
const maxItemsCBOR = 300000

// errUnwellformed ends a scan early: the decoder refuses such a body before it
// makes anything of it.
var errUnwellformed = errors.New("not well-formed")

// checkCBOR fails when the data items nest deeper than MaxDepth, are more than
// maxItemsCBOR, or when arrays hold too many elements: any kind of them when
// they become a Go type, whose size a slice is made of before it is known
// whether they fit; else those that hold others.
func checkCBOR(data []byte, typed bool) error {
	s := scanCBOR{data: data, typed: typed}
	if err := s.item(0, false); err != nil && !errors.Is(err, errUnwellformed) {
		return err
	}
	return nil
}

type scanCBOR struct {
	data            []byte
	typed           bool
	items, elements int // those met so far
}

func (s *scanCBOR) item(depth int, element bool) error {
	if depth > MaxDepth {
		return errTooDeep
	}
	if s.items++; s.items > maxItemsCBOR {
		return apierrors.NewRequestEntityTooLargeError(fmt.Sprintf("limit is %d CBOR data items", maxItemsCBOR))
	}
	major, n, indefinite, err := s.head()
	if err != nil {
		return err
	}
	if element && major != majorTag && (s.typed || major >= majorArray) {
		if s.elements++; s.elements > maxElements {
			return apierrors.NewRequestEntityTooLargeError(fmt.Sprintf("limit is %d list elements", maxElements))
		}
	}
	switch major {
	case majorBytes, majorText:
		if indefinite {
			return s.children(^uint64(0), true, depth, false)
		}
		if n > uint64(len(s.data)) {
			return errUnwellformed
		}
		s.data = s.data[n:]
	case majorArray:
		return s.children(n, indefinite, depth, true)
	case majorMap:
		if n > uint64(len(s.data)) {
			return errUnwellformed
		}
		return s.children(2*n, indefinite, depth, false)
	case majorTag:
		return s.item(depth+1, element)
	}
	return nil
}

// children scans n items, or those up to the end of an indefinite one.
func (s *scanCBOR) children(n uint64, indefinite bool, depth int, elements bool) error {
	const end = 0xff
	for i := uint64(0); indefinite || i < n; i++ {
		if indefinite && len(s.data) > 0 && s.data[0] == end {
			s.data = s.data[1:]
			return nil
		}
		if err := s.item(depth+1, elements); err != nil {
			return err
		}
	}
	return nil
}

// head reads the head of a data item and its argument.
func (s *scanCBOR) head() (major byte, n uint64, indefinite bool, err error) {
	if len(s.data) == 0 {
		return 0, 0, false, errUnwellformed
	}
	major, info := s.data[0]&0xe0, s.data[0]&0x1f
	s.data = s.data[1:]
	switch {
	case info < 24:
		return major, uint64(info), false, nil
	case info == 31:
		if major < majorBytes || major >= majorTag {
			return 0, 0, false, errUnwellformed
		}
		return major, 0, true, nil
	case info > 27:
		return 0, 0, false, errUnwellformed
	}
	size := 1 << (info - 24)
	if len(s.data) < size {
		return 0, 0, false, errUnwellformed
	}
	for _, c := range s.data[:size] {
		n = n<<8 | uint64(c)
	}
	s.data = s.data[size:]
	return major, n, false, nil
}
