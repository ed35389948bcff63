package batch

import (
	"fmt"
	"strconv"
	"strings"
)

// span is an interval of indexes, both ends included.
type span struct{ first, last int32 }

// parseIndexes reads a list such as "1,3-5,7", in increasing order.
func parseIndexes(text string, completions int32) ([]span, error) {
	if text == "" {
		return nil, nil
	}
	var all []span
	for _, part := range strings.Split(text, ",") {
		s, err := parseSpan(part, completions)
		if err != nil {
			return nil, err
		}
		if len(all) > 0 && all[len(all)-1].last >= s.first {
			return nil, fmt.Errorf("non-increasing order, previous: %d, current: %d", all[len(all)-1].last, s.first)
		}
		all = append(all, s)
	}
	return all, nil
}

func parseSpan(text string, completions int32) (span, error) {
	ends := strings.Split(text, "-")
	if len(ends) > 2 {
		return span{}, fmt.Errorf("the fragment %q violates the requirement that an index interval can have at most two parts separated by '-'", text)
	}
	var out [2]int32
	for i, end := range ends {
		n, err := strconv.Atoi(end)
		if err != nil {
			return span{}, fmt.Errorf("cannot convert string to integer for index: %q", end)
		}
		if n >= int(completions) {
			return span{}, fmt.Errorf("too large index: %q", end)
		}
		out[i] = int32(n)
	}
	if len(ends) == 1 {
		return span{out[0], out[0]}, nil
	}
	if out[0] >= out[1] {
		return span{}, fmt.Errorf("non-increasing order, previous: %d, current: %d", out[0], out[1])
	}
	return span{out[0], out[1]}, nil
}

func count(spans []span) int32 {
	var n int32
	for _, s := range spans {
		n += s.last - s.first + 1
	}
	return n
}

// overlap returns the first index that is in both lists.
func overlap(a, b []span) (int32, bool) {
	for len(a) > 0 && len(b) > 0 {
		if a[0].first <= b[0].last && b[0].first <= a[0].last {
			return max(a[0].first, b[0].first), true
		}
		if a[0].first <= b[0].first {
			a = a[1:]
		} else {
			b = b[1:]
		}
	}
	return 0, false
}
