package client

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime"
)

// Within returns api with requests made in the context that change makes of theirs.
// Where the API is in this process, that reaches down to the store.
func Within(api Interface, change func(context.Context) context.Context) Interface {
	w := &within{Interface: api, change: change}
	if source, ok := api.(Source); ok {
		return struct {
			*within
			Source
		}{w, source}
	}
	return w
}

type within struct {
	Interface
	change func(context.Context) context.Context
}

func (w *within) Do(ctx context.Context, r Request) (runtime.Object, error) {
	return w.Interface.Do(w.change(ctx), r)
}

func (w *within) through() Interface { return Within(Through(w.Interface), w.change) }
