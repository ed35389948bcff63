package backend

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// IsUpgrade tells whether the request asks to switch protocols.
func IsUpgrade(r *http.Request) bool {
	for _, header := range r.Header.Values("Connection") {
		for _, token := range strings.Split(header, ",") {
			if strings.EqualFold(strings.TrimSpace(token), "upgrade") {
				return r.Header.Get("Upgrade") != ""
			}
		}
	}
	return false
}

// answerTimeout bounds how long a back end may think before it switches
// protocols.
const answerTimeout = 30 * time.Second

// Tunnel asks a back end to switch protocols, and once it has agreed joins the
// two connections byte by byte:
//
//	client --> server --> back end    ask, which has an Upgrade, over a new connection
//	client <-- server <-- back end    not 101: refuse answers, the connection is closed
//	client <=> server <=> back end    101: hijacked, copied until one side ends
//
// The back end's connection serves this one request, so that nobody can go on
// using it with the server's rights (CVE-2018-1002105). Errors are those from
// before the client's connection was taken over.
func Tunnel(w http.ResponseWriter, r *http.Request, p *Place, ask *http.Request, refuse func(*http.Response) error) error {
	back, err := p.Connect(r.Context())
	if err != nil {
		return apierrors.NewInternalError(fmt.Errorf("error dialing backend: %w", err))
	}
	defer back.Close()
	if err := back.SetDeadline(time.Now().Add(answerTimeout)); err != nil {
		return apierrors.NewInternalError(err)
	}
	if err := ask.Write(back); err != nil {
		return apierrors.NewInternalError(fmt.Errorf("error sending request to backend: %w", err))
	}
	reader := bufio.NewReader(back)
	answer, err := http.ReadResponse(reader, ask)
	if err != nil {
		return apierrors.NewInternalError(fmt.Errorf("error reading response of backend: %w", err))
	}
	if answer.StatusCode != http.StatusSwitchingProtocols {
		defer answer.Body.Close()
		return refuse(answer)
	}
	if err := back.SetDeadline(time.Time{}); err != nil {
		return apierrors.NewInternalError(err)
	}
	return join(w, r, answer, back, reader)
}

// join hijacks the client's connection and copies both ways until either side
// or the request's context ends.
func join(w http.ResponseWriter, r *http.Request, answer *http.Response, back net.Conn, fromBack io.Reader) error {
	front, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return apierrors.NewInternalError(fmt.Errorf("take over the connection: %w", err))
	}
	defer front.Close()
	if err := writeSwitch(front, answer); err != nil {
		return nil // the client went away
	}
	ended := make(chan struct{}, 2)
	copyTo := func(to io.Writer, from io.Reader) {
		_, _ = io.Copy(to, from)
		ended <- struct{}{}
	}
	go copyTo(front, fromBack)
	go copyTo(back, buffered.Reader)
	running := 2
	select {
	case <-ended:
		running--
	case <-r.Context().Done():
	}
	// Closing both ends what still copies.
	front.Close()
	back.Close()
	for range running {
		<-ended
	}
	return nil
}

func writeSwitch(to io.Writer, answer *http.Response) error {
	w := bufio.NewWriter(to)
	if _, err := fmt.Fprintf(w, "HTTP/1.1 %s\r\n", answer.Status); err != nil {
		return err
	}
	if err := answer.Header.Write(w); err != nil {
		return err
	}
	if _, err := w.WriteString("\r\n"); err != nil {
		return err
	}
	return w.Flush()
}
