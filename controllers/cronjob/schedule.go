package cronjob

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// schedule is a parsed cron expression: a bit for each value that matches.
type schedule struct {
	minute, hour, day, month, weekday uint64
	// anyDay and anyWeekday tell that the field is a star: a date matches
	// when both fields do, or, if neither is a star, when one does.
	anyDay, anyWeekday bool
	// every is a fixed interval instead, for @every.
	every time.Duration
}

var macros = map[string]string{
	"@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *",
	"@weekly": "0 0 * * 0", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}

var months = map[string]int{"jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6, "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12}

var weekdays = map[string]int{"sun": 0, "mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6}

// parseSchedule reads the standard five fields, or a macro.
func parseSchedule(text string) (*schedule, error) {
	text = strings.TrimSpace(text)
	if every, ok := strings.CutPrefix(text, "@every "); ok {
		d, err := time.ParseDuration(every)
		if err != nil || d < time.Second {
			return nil, fmt.Errorf("parse schedule %q: want a duration of at least 1s after @every", text)
		}
		return &schedule{every: d.Truncate(time.Second)}, nil
	}
	if macro, ok := macros[strings.ToLower(text)]; ok {
		text = macro
	}
	fields := strings.Fields(text)
	if len(fields) != 5 {
		return nil, fmt.Errorf("parse schedule %q: got %d fields, want 5", text, len(fields))
	}
	s := &schedule{anyDay: star(fields[2]), anyWeekday: star(fields[4])}
	for i, f := range []struct {
		bits     *uint64
		min, max int
		names    map[string]int
	}{{&s.minute, 0, 59, nil}, {&s.hour, 0, 23, nil}, {&s.day, 1, 31, nil}, {&s.month, 1, 12, months}, {&s.weekday, 0, 7, weekdays}} {
		var err error
		if *f.bits, err = parseField(fields[i], f.min, f.max, f.names); err != nil {
			return nil, fmt.Errorf("parse schedule %q: %w", text, err)
		}
	}
	if s.weekday&(1<<7) != 0 {
		s.weekday |= 1 // Sunday is 0 and 7
	}
	return s, nil
}

func star(field string) bool { return strings.HasPrefix(field, "*") || strings.HasPrefix(field, "?") }

// parseField reads a list of values, ranges and stars, each with a step.
func parseField(field string, low, high int, names map[string]int) (uint64, error) {
	set := uint64(0)
	for part := range strings.SplitSeq(field, ",") {
		body, step, stepped := strings.Cut(part, "/")
		every := 1
		if stepped {
			n, err := strconv.Atoi(step)
			if err != nil || n < 1 {
				return 0, fmt.Errorf("field %q: step %q is no positive number", field, step)
			}
			every = n
		}
		from, to := low, high
		if body != "*" && body != "?" {
			first, last, isRange := strings.Cut(body, "-")
			var err error
			if from, err = parseValue(first, names); err != nil {
				return 0, fmt.Errorf("field %q: %w", field, err)
			}
			to = from
			if isRange {
				if to, err = parseValue(last, names); err != nil {
					return 0, fmt.Errorf("field %q: %w", field, err)
				}
			} else if stepped {
				to = high
			}
		}
		if from < low || to > high || from > to {
			return 0, fmt.Errorf("field %q: want values from %d to %d", field, low, high)
		}
		for v := from; v <= to; v += every {
			set |= 1 << v
		}
	}
	return set, nil
}

func parseValue(text string, names map[string]int) (int, error) {
	if n, ok := names[strings.ToLower(text)]; ok {
		return n, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("%q is no number", text)
	}
	return n, nil
}

func has(set uint64, v int) bool { return set&(1<<v) != 0 }

func (s *schedule) matchesDate(t time.Time) bool {
	if !has(s.month, int(t.Month())) {
		return false
	}
	day, weekday := has(s.day, t.Day()), has(s.weekday, int(t.Weekday()))
	if s.anyDay || s.anyWeekday {
		return day && weekday
	}
	return day || weekday
}

// next returns the first time after t that matches, in t's zone, or zero when
// there is none within five years, as on 30 February.
func (s *schedule) next(t time.Time) time.Time {
	if s.every > 0 {
		return t.Add(s.every).Truncate(time.Second)
	}
	end := t.AddDate(5, 0, 0)
	t = t.Truncate(time.Minute).Add(time.Minute)
	for t.Before(end) {
		switch {
		case !s.matchesDate(t):
			t = time.Date(t.Year(), t.Month(), t.Day()+1, 0, 0, 0, 0, t.Location())
		case !has(s.hour, t.Hour()):
			before := t
			t = time.Date(t.Year(), t.Month(), t.Day(), t.Hour()+1, 0, 0, 0, t.Location())
			if !t.After(before) {
				// The clock was set back here: step over in real time.
				t = before.Truncate(time.Hour).Add(time.Hour)
			}
		case !has(s.minute, t.Minute()):
			rest := s.minute >> t.Minute()
			if rest == 0 {
				t = t.Add(time.Duration(60-t.Minute()) * time.Minute)
			} else {
				t = t.Add(time.Duration(bits.TrailingZeros64(rest)) * time.Minute)
			}
		default:
			return t
		}
	}
	return time.Time{}
}
