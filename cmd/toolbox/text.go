package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

func echo(c *call) int {
	args, end, escapes := c.args, "\n", false
	for len(args) > 0 && (args[0] == "-n" || args[0] == "-e" || args[0] == "-ne" || args[0] == "-en") {
		if strings.Contains(args[0], "n") {
			end = ""
		}
		escapes = escapes || strings.Contains(args[0], "e")
		args = args[1:]
	}
	text := strings.Join(args, " ")
	if escapes {
		text = unescape(text)
	}
	fmt.Fprint(c.stdout, text+end)
	return 0
}

func unescape(s string) string {
	return strings.NewReplacer(`\n`, "\n", `\t`, "\t", `\r`, "\r", `\\`, `\`, `\0`, "\x00", `\e`, "\x1b", `\a`, "\a").Replace(s)
}

func printf(c *call) int {
	if len(c.args) == 0 {
		return 1
	}
	args := c.args[1:]
	for first := true; first || len(args) > 0; first = false {
		format, used := unescape(c.args[0]), 0
		text := regexp.MustCompile(`%[-0-9.]*[sdcxXof%]`).ReplaceAllStringFunc(format, func(verb string) string {
			if verb == "%%" {
				return "%"
			}
			arg := ""
			if used < len(args) {
				arg = args[used]
			}
			used++
			switch verb[len(verb)-1] {
			case 'd', 'x', 'X', 'o':
				n, _ := strconv.ParseInt(arg, 0, 64)
				return fmt.Sprintf(verb, n)
			case 'f':
				n, _ := strconv.ParseFloat(arg, 64)
				return fmt.Sprintf(verb, n)
			}
			return fmt.Sprintf(verb[:len(verb)-1]+"s", arg)
		})
		fmt.Fprint(c.stdout, text)
		if used == 0 {
			break
		}
		args = args[min(used, len(args)):]
	}
	return 0
}

func lines(r io.Reader, f func(string) bool) error {
	s := bufio.NewScanner(r)
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		if !f(s.Text()) {
			return nil
		}
	}
	return s.Err()
}

func head(c *call) int { return ends(c, true) }
func tail(c *call) int { return ends(c, false) }

func ends(c *call, first bool) int {
	if len(c.args) > 0 && regexp.MustCompile(`^-[0-9]+$`).MatchString(c.args[0]) {
		c.args = append([]string{"-n", c.args[0][1:]}, c.args[1:]...)
	}
	set, rest := c.flags("nc")
	n := 10
	if v := set['n']; v != "" {
		n, _ = strconv.Atoi(strings.TrimPrefix(v, "-"))
	}
	if v := set['c']; v != "" && first {
		count, err := size(v)
		if err != nil {
			return c.fail(err)
		}
		return c.inputs(rest, func(_ string, r io.Reader) error {
			_, err := io.CopyN(c.stdout, r, count)
			if err == io.EOF {
				return nil
			}
			return err
		})
	}
	return c.inputs(rest, func(_ string, r io.Reader) error {
		var kept []string
		err := lines(r, func(l string) bool {
			kept = append(kept, l)
			if first {
				return len(kept) < n
			}
			if len(kept) > n {
				kept = kept[1:]
			}
			return true
		})
		for _, l := range kept[:min(len(kept), n)] {
			fmt.Fprintln(c.stdout, l)
		}
		if !first && set['f'] != "" && err == nil {
			return follow(c, r)
		}
		return err
	})
}

// follow has nothing that would tell it of a file's growth: it looks.
func follow(c *call, r io.Reader) error {
	for c.ctx.Err() == nil {
		if n, err := io.Copy(c.stdout, r); err != nil || n > 0 {
			if err != nil {
				return err
			}
			continue
		}
		time.Sleep(100 * time.Millisecond)
	}
	return nil
}

func wc(c *call) int {
	set, rest := c.flags("")
	return c.inputs(rest, func(name string, r io.Reader) error {
		data, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		text := string(data)
		var out []string
		all := len(set) == 0
		if all || set['l'] != "" {
			out = append(out, strconv.Itoa(strings.Count(text, "\n")))
		}
		if all || set['w'] != "" {
			out = append(out, strconv.Itoa(len(strings.Fields(text))))
		}
		if all || set['c'] != "" {
			out = append(out, strconv.Itoa(len(data)))
		}
		if name != "-" {
			out = append(out, name)
		}
		fmt.Fprintln(c.stdout, strings.Join(out, " "))
		return nil
	})
}

func grep(c *call) int {
	set, rest := c.flags("em")
	pattern, ok := set['e']
	if !ok {
		if len(rest) == 0 {
			return c.fail(errors.New("usage: grep [-ivqcnoFE] PATTERN FILE…"))
		}
		pattern, rest = rest[0], rest[1:]
	}
	if set['F'] != "" {
		pattern = regexp.QuoteMeta(pattern)
	}
	if set['i'] != "" {
		pattern = "(?i)" + pattern
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		fmt.Fprintln(c.stderr, err)
		return 2
	}
	found, count := false, 0
	code := c.inputs(rest, func(name string, r io.Reader) error {
		number := 0
		return lines(r, func(l string) bool {
			number++
			if re.MatchString(l) == (set['v'] != "") {
				return true
			}
			found = true
			count++
			if set['q'] != "" || set['c'] != "" {
				return set['q'] == ""
			}
			if set['o'] != "" {
				l = strings.Join(re.FindAllString(l, -1), "\n")
			}
			if len(rest) > 1 {
				l = name + ":" + l
			}
			if set['n'] != "" {
				l = strconv.Itoa(number) + ":" + l
			}
			fmt.Fprintln(c.stdout, l)
			return true
		})
	})
	if set['c'] != "" {
		fmt.Fprintln(c.stdout, count)
	}
	switch {
	case code != 0:
		return 2
	case !found:
		return 1
	}
	return 0
}

func tee(c *call) int {
	set, rest := c.flags("")
	writers := []io.Writer{c.stdout}
	flags := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if set['a'] != "" {
		flags = os.O_WRONLY | os.O_CREATE | os.O_APPEND
	}
	for _, p := range rest {
		f, err := os.OpenFile(c.path(p), flags, 0o666)
		if err != nil {
			return c.fail(err)
		}
		defer f.Close()
		writers = append(writers, f)
	}
	if _, err := io.Copy(io.MultiWriter(writers...), c.stdin); err != nil {
		return c.fail(err)
	}
	return 0
}

func seq(c *call) int {
	var n []int
	for _, a := range c.args {
		v, err := strconv.Atoi(a)
		if err != nil {
			return c.fail(err)
		}
		n = append(n, v)
	}
	first, step, last := 1, 1, 0
	switch len(n) {
	case 1:
		last = n[0]
	case 2:
		first, last = n[0], n[1]
	case 3:
		first, step, last = n[0], n[1], n[2]
	}
	if step == 0 {
		return 1
	}
	w := bufio.NewWriter(c.stdout)
	defer w.Flush()
	for i := first; step > 0 && i <= last || step < 0 && i >= last; i += step {
		fmt.Fprintln(w, i)
	}
	return 0
}

func cut(c *call) int {
	set, rest := c.flags("dfc")
	sep := set['d']
	if sep == "" {
		sep = "\t"
	}
	field, err := strconv.Atoi(set['f'])
	if err != nil {
		return c.fail(errors.New("cut: -f with one field is supported"))
	}
	return c.inputs(rest, func(_ string, r io.Reader) error {
		return lines(r, func(l string) bool {
			parts := strings.Split(l, sep)
			if len(parts) > 1 {
				l = ""
				if field <= len(parts) {
					l = parts[field-1]
				}
			}
			fmt.Fprintln(c.stdout, l)
			return true
		})
	})
}

func tr(c *call) int {
	set, rest := c.flags("")
	data, err := io.ReadAll(c.stdin)
	if err != nil || len(rest) == 0 {
		return 1
	}
	from, to := spell(rest[0]), ""
	if len(rest) > 1 {
		to = spell(rest[1])
	}
	text := strings.Map(func(r rune) rune {
		i := strings.IndexRune(from, r)
		switch {
		case i < 0:
			return r
		case set['d'] != "" || to == "":
			return -1
		}
		return rune(to[min(i, len(to)-1)])
	}, string(data))
	fmt.Fprint(c.stdout, text)
	return 0
}

// spell writes ranges out: a-z.
func spell(s string) string {
	s = unescape(s)
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if i+2 < len(s) && s[i+1] == '-' {
			for ch := s[i]; ch <= s[i+2]; ch++ {
				b.WriteByte(ch)
			}
			i += 2
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func sortLines(c *call) int {
	set, rest := c.flags("k")
	var all []string
	code := c.inputs(rest, func(_ string, r io.Reader) error {
		return lines(r, func(l string) bool { all = append(all, l); return true })
	})
	slices.SortStableFunc(all, func(a, b string) int {
		if set['n'] != "" {
			x, _ := strconv.ParseFloat(strings.Fields(a + " 0")[0], 64)
			y, _ := strconv.ParseFloat(strings.Fields(b + " 0")[0], 64)
			if x != y {
				return map[bool]int{true: -1, false: 1}[x < y]
			}
		}
		return strings.Compare(a, b)
	})
	if set['r'] != "" {
		slices.Reverse(all)
	}
	if set['u'] != "" {
		all = slices.Compact(all)
	}
	for _, l := range all {
		fmt.Fprintln(c.stdout, l)
	}
	return code
}

func uniq(c *call) int {
	set, rest := c.flags("")
	return c.inputs(rest, func(_ string, r io.Reader) error {
		last, count := "", 0
		show := func() {
			if count > 0 && set['c'] != "" {
				fmt.Fprintf(c.stdout, "%7d %s\n", count, last)
			} else if count > 0 {
				fmt.Fprintln(c.stdout, last)
			}
		}
		err := lines(r, func(l string) bool {
			if count > 0 && l != last {
				show()
				count = 0
			}
			last = l
			count++
			return true
		})
		show()
		return err
	})
}

func xargs(c *call) int {
	_, rest := c.flags("n")
	data, err := io.ReadAll(c.stdin)
	if err != nil {
		return c.fail(err)
	}
	if len(rest) == 0 {
		rest = []string{"echo"}
	}
	return c.run(c.ctx, append(slices.Clone(rest), strings.Fields(string(data))...), nil)
}

func basename(c *call) int {
	for _, a := range c.args[:min(1, len(c.args))] {
		b := filepath.Base(a)
		if len(c.args) > 1 {
			b = strings.TrimSuffix(b, c.args[1])
		}
		fmt.Fprintln(c.stdout, b)
	}
	return 0
}

func dirname(c *call) int {
	for _, a := range c.args {
		fmt.Fprintln(c.stdout, filepath.Dir(a))
	}
	return 0
}
