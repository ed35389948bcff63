package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// Client talks to the agent behind a control socket.
type Client struct{ http *http.Client }

// NewClient returns a client of the agent behind socket.
func NewClient(socket string) *Client {
	return &Client{http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		},
	}}}
}

// Import brings the images of an archive into the node and returns their names.
func (c *Client) Import(ctx context.Context, archive io.Reader) ([]string, error) {
	var names []string
	err := c.do(ctx, http.MethodPost, "/images", archive, &names)
	return names, err
}

// List returns the node's images.
func (c *Client) List(ctx context.Context) ([]Image, error) {
	var images []Image
	err := c.do(ctx, http.MethodGet, "/images", nil, &images)
	return images, err
}

// Remove removes an image from the node.
func (c *Client) Remove(ctx context.Context, name string) error {
	return c.do(ctx, http.MethodDelete, "/images?name="+url.QueryEscape(name), nil, nil)
}

// maxErrorText bounds what is read of an error's text.
const maxErrorText = 64 << 10

func (c *Client) do(ctx context.Context, method, path string, body io.Reader, into any) error {
	r, err := http.NewRequestWithContext(ctx, method, "http://agent"+path, body)
	if err != nil {
		return err
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return fmt.Errorf("ask the agent: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		text, err := io.ReadAll(io.LimitReader(answer.Body, maxErrorText))
		return errors.Join(errors.New(strings.TrimSpace(string(text))), err)
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(answer.Body).Decode(into)
}
