package control

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

type fakeImages struct{ imported, removed string }

func (f *fakeImages) Import(_ context.Context, r io.Reader) ([]string, error) {
	data, err := io.ReadAll(r)
	f.imported = string(data)
	return []string{"docker.io/library/a:1"}, err
}

func (f *fakeImages) List() []Image { return []Image{{ID: "sha256:1", Names: []string{"a"}, Size: 3}} }

func (f *fakeImages) Remove(_ context.Context, name string) error {
	f.removed = name
	return errors.New("remove image a: in use by container b")
}

func TestClientAndServer(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "control")
	ctx, cancel := context.WithCancel(t.Context())
	images := &fakeImages{}
	ended := make(chan error, 1)
	l, err := Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	go func() { ended <- Serve(ctx, l, images) }()
	c := NewClient(socket)
	names, err := c.Import(ctx, strings.NewReader("archive"))
	if err != nil || !reflect.DeepEqual(names, []string{"docker.io/library/a:1"}) || images.imported != "archive" {
		t.Errorf("Import = %v, %v; the server got %q", names, err, images.imported)
	}
	list, err := c.List(ctx)
	if err != nil || !reflect.DeepEqual(list, images.List()) {
		t.Errorf("List = %v, %v", list, err)
	}
	if err := c.Remove(ctx, "a b"); err == nil || err.Error() != "remove image a: in use by container b" || images.removed != "a b" {
		t.Errorf("Remove = %v; the server got %q", err, images.removed)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Serve ended with %v", err)
	}
}
