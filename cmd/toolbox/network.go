package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path"
	"strings"
	"time"
)

func portOf(c *call, usual string) string {
	for _, a := range c.args {
		if !strings.HasPrefix(a, "-") {
			usual = a
		}
	}
	if !strings.Contains(usual, ":") {
		usual = ":" + usual
	}
	return usual
}

func tcpEcho(c *call) int {
	l, err := net.Listen("tcp", portOf(c, "7"))
	if err != nil {
		return c.fail(err)
	}
	context.AfterFunc(c.ctx, func() { l.Close() })
	for {
		conn, err := l.Accept()
		if err != nil {
			return 0
		}
		go func() {
			defer conn.Close()
			_, _ = io.Copy(conn, conn)
		}()
	}
}

func udpEcho(c *call) int {
	l, err := net.ListenPacket("udp", portOf(c, "7"))
	if err != nil {
		return c.fail(err)
	}
	context.AfterFunc(c.ctx, func() { l.Close() })
	b := make([]byte, 64<<10)
	for {
		n, from, err := l.ReadFrom(b)
		if err != nil {
			return 0
		}
		_, _ = l.WriteTo(b[:n], from)
	}
}

// nc connects (nc [-uz] [-w SECONDS] HOST PORT) or waits for one connection
// (nc -l [-p] PORT).
func nc(c *call) int {
	set, rest := c.flags("wp")
	network := "tcp"
	if set['u'] != "" {
		network = "udp"
	}
	timeout := 10 * time.Second
	if w := set['w']; w != "" {
		timeout, _ = time.ParseDuration(w + "s")
	}
	var conn net.Conn
	var err error
	if set['l'] != "" {
		rest = append(rest, set['p'])
		l, lerr := net.Listen(network, ":"+rest[0])
		if lerr != nil {
			return c.fail(lerr)
		}
		conn, err = l.Accept()
		l.Close()
	} else if len(rest) == 2 {
		conn, err = net.DialTimeout(network, net.JoinHostPort(rest[0], rest[1]), timeout)
	} else {
		err = errors.New("usage: nc [-luvz] [-w SECONDS] HOST PORT")
	}
	if err != nil {
		return c.fail(err)
	}
	defer conn.Close()
	if set['z'] != "" {
		return 0
	}
	go func() {
		_, _ = io.Copy(conn, c.stdin)
		if t, ok := conn.(*net.TCPConn); ok {
			_ = t.CloseWrite()
		}
	}()
	if network == "udp" {
		_ = conn.SetReadDeadline(time.Now().Add(timeout))
	}
	_, _ = io.Copy(c.stdout, conn)
	return 0
}

// nslookup asks the pod's resolver: nslookup NAME [SERVER], dig [@SERVER] NAME
// [A|AAAA|SRV|CNAME|TXT|PTR].
func nslookup(c *call) int {
	r := &net.Resolver{PreferGo: true}
	name, kind := "", ""
	for _, a := range c.args {
		switch {
		case strings.HasPrefix(a, "@"):
			r.Dial = dialServer(a[1:])
		case strings.HasPrefix(a, "-type="):
			kind = strings.ToUpper(a[6:])
		case strings.HasPrefix(a, "+"), strings.HasPrefix(a, "-"):
		case name == "":
			name = a
		case strings.Contains("A AAAA SRV CNAME TXT PTR MX NS", strings.ToUpper(a)):
			kind = strings.ToUpper(a)
		default:
			r.Dial = dialServer(a)
		}
	}
	ctx, cancel := context.WithTimeout(c.ctx, 10*time.Second)
	defer cancel()
	answers, err := ask(ctx, r, name, kind)
	if err != nil {
		fmt.Fprintf(c.stdout, "** server can't find %s: %v\n", name, err)
		return 1
	}
	fmt.Fprintf(c.stdout, "Name:\t%s\n", name)
	for _, a := range answers {
		fmt.Fprintf(c.stdout, "Address: %s\n", a)
	}
	return 0
}

func dialServer(server string) func(context.Context, string, string) (net.Conn, error) {
	if _, _, err := net.SplitHostPort(server); err != nil {
		server = net.JoinHostPort(server, "53")
	}
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, server)
	}
}

func ask(ctx context.Context, r *net.Resolver, name, kind string) ([]string, error) {
	switch kind {
	case "SRV":
		_, list, err := r.LookupSRV(ctx, "", "", name)
		var out []string
		for _, s := range list {
			out = append(out, fmt.Sprintf("%d %d %d %s", s.Priority, s.Weight, s.Port, s.Target))
		}
		return out, err
	case "CNAME":
		s, err := r.LookupCNAME(ctx, name)
		return []string{s}, err
	case "TXT":
		return r.LookupTXT(ctx, name)
	case "PTR":
		return r.LookupAddr(ctx, name)
	}
	network := map[string]string{"A": "ip4", "AAAA": "ip6"}[kind]
	if network == "" {
		network = "ip"
		if net.ParseIP(name) != nil {
			return r.LookupAddr(ctx, name)
		}
	}
	list, err := r.LookupIP(ctx, network, name)
	var out []string
	for _, ip := range list {
		out = append(out, ip.String())
	}
	return out, err
}

type headers []string

func (h *headers) String() string     { return strings.Join(*h, ", ") }
func (h *headers) Set(v string) error { *h = append(*h, v); return nil }

// request is what fetch and wget have in common.
type request struct {
	url, method, body, output string
	headers                   headers
	timeout                   time.Duration
	insecure, show, failCode  bool
	ca                        string
}

// fetch is an HTTP client: fetch [-X METHOD] [-d BODY] [-H HEADER] [-o FILE]
// [-m SECONDS] [-k] [-i] [-f] [-cacert FILE] URL.
func fetch(c *call) int {
	q := request{}
	f := flag.NewFlagSet("fetch", flag.ContinueOnError)
	f.SetOutput(c.stderr)
	f.StringVar(&q.method, "X", "", "method")
	f.StringVar(&q.body, "d", "", "body, or @FILE")
	f.StringVar(&q.output, "o", "", "file for the answer")
	f.Var(&q.headers, "H", "header")
	f.BoolVar(&q.insecure, "k", false, "trust any certificate")
	f.BoolVar(&q.show, "i", false, "show the headers")
	f.BoolVar(&q.failCode, "f", false, "fail on 400 and above")
	f.StringVar(&q.ca, "cacert", "", "file of certificates to trust")
	seconds := f.Float64("m", 30, "timeout, seconds")
	f.Float64Var(seconds, "connect-timeout", 30, "timeout, seconds")
	f.Bool("s", false, "quiet (always)")
	f.Bool("L", false, "follow redirects (always)")
	if err := f.Parse(c.args); err != nil {
		return 2
	}
	q.url, q.timeout = f.Arg(0), time.Duration(*seconds*float64(time.Second))
	return q.do(c)
}

// wget is busybox's: wget [-q] [-O FILE] [-T SECONDS] [--post-data=BODY] URL.
func wget(c *call) int {
	q := request{failCode: true, timeout: 30 * time.Second}
	for i := 0; i < len(c.args); i++ {
		a := c.args[i]
		next := func() string {
			i++
			if i < len(c.args) {
				return c.args[i]
			}
			return ""
		}
		switch {
		case a == "-O" || a == "-qO":
			q.output = next()
		case strings.HasPrefix(a, "-qO"):
			q.output = a[3:]
		case strings.HasPrefix(a, "-O"):
			q.output = a[2:]
		case a == "-T":
			q.timeout, _ = time.ParseDuration(next() + "s")
		case strings.HasPrefix(a, "--timeout="):
			q.timeout, _ = time.ParseDuration(a[10:] + "s")
		case strings.HasPrefix(a, "--post-data="):
			q.body = a[12:]
		case strings.HasPrefix(a, "--header="):
			q.headers = append(q.headers, a[9:])
		case a == "--no-check-certificate":
			q.insecure = true
		case a == "-S":
			q.show = true
		case strings.HasPrefix(a, "-"):
		default:
			q.url = a
		}
	}
	if q.output == "" {
		q.output = path.Base(q.url)
	}
	return q.do(c)
}

func (q *request) client(c *call) (*http.Client, error) {
	config := &tls.Config{InsecureSkipVerify: q.insecure}
	if q.ca != "" {
		data, err := os.ReadFile(c.path(q.ca))
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AppendCertsFromPEM(data)
	}
	return &http.Client{Timeout: q.timeout, Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true, Proxy: http.ProxyFromEnvironment}}, nil
}

func (q *request) do(c *call) int {
	if !strings.Contains(q.url, "://") {
		q.url = "http://" + q.url
	}
	client, err := q.client(c)
	if err != nil {
		return c.fail(err)
	}
	if q.method == "" {
		q.method = http.MethodGet
		if q.body != "" {
			q.method = http.MethodPost
		}
	}
	body := q.body
	if name, ok := strings.CutPrefix(body, "@"); ok {
		data, err := os.ReadFile(c.path(name))
		if err != nil {
			return c.fail(err)
		}
		body = string(data)
	}
	r, err := http.NewRequestWithContext(c.ctx, q.method, q.url, strings.NewReader(body))
	if err != nil {
		return c.fail(err)
	}
	for _, h := range q.headers {
		name, value, _ := strings.Cut(h, ":")
		if strings.EqualFold(name, "host") {
			r.Host = strings.TrimSpace(value)
		}
		r.Header.Set(name, strings.TrimSpace(value))
	}
	resp, err := client.Do(r)
	if err != nil {
		return c.fail(err)
	}
	defer resp.Body.Close()
	return q.write(c, resp)
}

func (q *request) write(c *call, resp *http.Response) int {
	if q.failCode && resp.StatusCode >= 400 {
		fmt.Fprintf(c.stderr, "server returned error: %s %s\n", resp.Proto, resp.Status)
		return 1
	}
	out := c.stdout
	if q.output != "" && q.output != "-" {
		f, err := os.Create(c.path(q.output))
		if err != nil {
			return c.fail(err)
		}
		defer f.Close()
		out = f
	}
	if q.show {
		fmt.Fprintf(out, "%s %s\r\n", resp.Proto, resp.Status)
		_ = resp.Header.Write(out)
		fmt.Fprint(out, "\r\n")
	}
	if _, err := io.Copy(out, resp.Body); err != nil {
		return c.fail(err)
	}
	return 0
}
