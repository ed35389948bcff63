package subresource

import (
	"bufio"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"

	"golang.org/x/net/html"
)

// linked are the attributes of HTML that hold a URL, by element.
var linked = map[string][]string{
	"a": {"href"}, "area": {"href"}, "base": {"href"}, "link": {"href"}, "form": {"action"}, "frame": {"src"},
	"iframe": {"src"}, "img": {"src"}, "input": {"src", "formaction"}, "button": {"formaction"}, "script": {"src"},
	"audio": {"src"}, "video": {"src", "poster"}, "source": {"src"}, "track": {"src"}, "embed": {"src"}, "object": {"data"},
}

// rewrite leads redirects and the links of a page back through the proxy.
// Prefix is the path of the proxy, backend and host the names by which the page
// may call its own server.
func rewrite(answer *http.Response, prefix, backend, host string) error {
	l := links{prefix, backend, host}
	if to := answer.Header.Get("Location"); to != "" {
		answer.Header.Set("Location", l.through(to))
	}
	media, _, err := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	if err != nil || media != "text/html" || answer.Header.Get("Content-Encoding") != "" {
		return nil
	}
	answer.Header.Del("Content-Length")
	answer.ContentLength = -1
	body := answer.Body
	reader, writer := io.Pipe()
	go func() { writer.CloseWithError(l.page(writer, body)) }()
	answer.Body = struct {
		io.Reader
		io.Closer
	}{reader, closers{reader, body}}
	return nil
}

// closers closes all; a page that is no longer read ends the goroutine which
// rewrites it.
type closers []io.Closer

func (c closers) Close() error {
	for _, one := range c {
		one.Close()
	}
	return nil
}

type links struct{ prefix, backend, host string }

// through returns the URL as it is reached through the proxy, or as it is when
// it leads elsewhere or is relative.
func (l links) through(link string) string {
	u, err := url.Parse(link)
	if err != nil || u.Host != "" && u.Host != l.backend && u.Host != l.host || u.Opaque != "" {
		return link
	}
	if u.Host == "" && !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, l.prefix+"/") {
		return link
	}
	slash := strings.HasSuffix(u.Path, "/")
	u.Scheme, u.Host, u.Path, u.RawPath = "", "", path.Join(l.prefix, u.Path), ""
	if slash {
		u.Path += "/"
	}
	return u.String()
}

// maxToken bounds a single tag or text of a page in memory.
const maxToken = 1 << 20

func (l links) page(to io.Writer, from io.Reader) error {
	tokens := html.NewTokenizer(from)
	tokens.SetMaxBuf(maxToken)
	w := bufio.NewWriter(to)
	for {
		kind := tokens.Next()
		raw := tokens.Raw()
		if kind == html.ErrorToken {
			if _, err := w.Write(raw); err != nil {
				return err
			}
			if err := tokens.Err(); err != io.EOF {
				return err
			}
			return w.Flush()
		}
		text := string(raw)
		if kind == html.StartTagToken || kind == html.SelfClosingTagToken {
			text = l.tag(tokens.Token(), text)
		}
		if _, err := w.WriteString(text); err != nil {
			return err
		}
	}
}

// tag returns the tag with its links rewritten, or raw when it has none.
func (l links) tag(t html.Token, raw string) string {
	changed := false
	for i, a := range t.Attr {
		for _, name := range linked[t.Data] {
			if a.Key != name {
				continue
			}
			if to := l.through(a.Val); to != a.Val {
				t.Attr[i].Val, changed = to, true
			}
		}
	}
	if !changed {
		return raw
	}
	return t.String()
}
