package batch

import "testing"

func TestSchedule(t *testing.T) {
	for text, ok := range map[string]bool{
		"* * * * *": true, "*/5 0-6,22 1 jan,DEC mon-fri": true, "@daily": true, "@every 1h30m": true, "0 0 ? * SUN": true,
		"* * * *": false, "60 * * * *": false, "* 24 * * *": false, "* * 0 * *": false, "*/0 * * * *": false, "5-1 * * * *": false,
		"@sometimes": false, "@every never": false, "a * * * *": false, "-1 * * * *": false,
	} {
		if err := checkSchedule(text); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}
