package batch

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// checkSchedule tells what is wrong with a schedule: five fields as in cron(8),
// a name such as @daily, or @every with a duration.
func checkSchedule(text string) error {
	if strings.HasPrefix(text, "@") {
		return checkNamed(text)
	}
	fields := strings.Fields(text)
	if len(fields) != 5 {
		return fmt.Errorf("expected exactly 5 fields, found %d: %v", len(fields), fields)
	}
	for i, f := range fields {
		if err := cronFields[i].check(f); err != nil {
			return err
		}
	}
	return nil
}

func checkNamed(text string) error {
	switch text {
	case "@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly":
		return nil
	}
	if every, ok := strings.CutPrefix(text, "@every "); ok {
		if _, err := time.ParseDuration(every); err != nil {
			return fmt.Errorf("failed to parse duration %s: %w", text, err)
		}
		return nil
	}
	return fmt.Errorf("unrecognized descriptor: %s", text)
}

// cronField is one of the five fields: its bounds and the names of its values.
type cronField struct {
	low, high int
	names     []string
}

var cronFields = [5]cronField{
	{0, 59, nil}, {0, 23, nil}, {1, 31, nil},
	{1, 12, []string{"", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
	{0, 6, []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
}

func (c cronField) check(text string) error {
	for _, part := range strings.Split(text, ",") {
		if err := c.checkRange(part); err != nil {
			return err
		}
	}
	return nil
}

func (c cronField) checkRange(text string) error {
	span, step, stepped := strings.Cut(text, "/")
	if stepped {
		n, err := strconv.Atoi(step)
		if err != nil {
			return fmt.Errorf("failed to parse int from %s: %w", step, err)
		}
		if n <= 0 {
			return fmt.Errorf("step of range should be a positive number: %s", text)
		}
	}
	if span == "*" || span == "?" {
		return nil
	}
	from, to, ranged := strings.Cut(span, "-")
	low, err := c.value(from)
	if err != nil {
		return err
	}
	high := low
	if ranged {
		if high, err = c.value(to); err != nil {
			return err
		}
	}
	switch {
	case low < c.low:
		return fmt.Errorf("beginning of range (%d) below minimum (%d): %s", low, c.low, text)
	case high > c.high:
		return fmt.Errorf("end of range (%d) above maximum (%d): %s", high, c.high, text)
	case low > high:
		return fmt.Errorf("beginning of range (%d) beyond end of range (%d): %s", low, high, text)
	}
	return nil
}

func (c cronField) value(text string) (int, error) {
	for i, name := range c.names {
		if name != "" && strings.EqualFold(name, text) {
			return i, nil
		}
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("failed to parse int from %s: %w", text, err)
	}
	if n < 0 {
		return 0, fmt.Errorf("negative number (%d) not allowed: %s", n, text)
	}
	return n, nil
}
