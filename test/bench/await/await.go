// Package await tells when a server that was just started answers, to a
// millisecond or two. Nothing tells of that by itself: it has to be asked.
package await

import (
	"context"
	"net/http"
	"os"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// interval is how long to wait before asking again, and so what a figure may be
// too high by.
const interval = time.Millisecond

// Kubeconfig returns how to reach a server, once the file is there.
func Kubeconfig(ctx context.Context, path string) (*rest.Config, error) {
	err := until(ctx, func() bool {
		_, err := os.Stat(path)
		return err == nil
	})
	if err != nil {
		return nil, err
	}
	return clientcmd.BuildConfigFromFlags("", path)
}

// Ready returns when the server answers a path with 200 OK.
func Ready(ctx context.Context, config *rest.Config, path string) error {
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return err
	}
	return until(ctx, func() bool {
		answer, err := client.Get(config.Host + path)
		if err != nil {
			return false
		}
		answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
}

func until(ctx context.Context, holds func() bool) error {
	for !holds() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(interval):
		}
	}
	return nil
}
