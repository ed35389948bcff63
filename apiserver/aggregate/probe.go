package aggregate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/api/inprocess"
)

type resourceDiscovery = apidiscoveryv2.APIResourceDiscovery

const (
	// probeTimeout bounds one probe.
	probeTimeout = 5 * time.Second
	// maxDocument bounds a server's discovery document, in bytes.
	maxDocument = 4 << 20
)

// prober is as whom aggregated servers are asked for what they serve.
var prober = &inprocess.User{Name: "system:kube-aggregator", Groups: []string{"system:masters"}}

// probe asks the server for its discovery document, which shows that it can be
// reached and what it serves.
func (r *route) probe(ctx context.Context) ([]resourceDiscovery, error) {
	path := r.path()
	url := "https://" + r.host() + path
	answer, err := r.fetch(ctx, path, "application/json", prober)
	if err != nil {
		return nil, fmt.Errorf("failing or missing response from %s: %w", url, err)
	}
	if answer.status < 200 || answer.status > 299 {
		return nil, fmt.Errorf("failing or missing response from %s: bad status from %s: %d", url, url, answer.status)
	}
	var list metav1.APIResourceList
	if err := json.Unmarshal(answer.body, &list); err != nil {
		return nil, nil //nolint:nilerr // it answers, and that is what was asked
	}
	return toDiscovery(&list, r.service), nil
}

// path is that of the group version.
func (r *route) path() string {
	if r.service.Spec.Group == "" {
		return "/api/" + r.service.Spec.Version
	}
	return "/apis/" + r.service.Spec.Group + "/" + r.service.Spec.Version
}

// fetched is a server's answer, whole.
type fetched struct {
	status int
	body   []byte
}

// fetch gets one path from the server on behalf of user.
func (r *route) fetch(ctx context.Context, path, accept string, user *inprocess.User) (*fetched, error) {
	if r.broken != nil {
		return nil, r.broken
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+r.host()+path, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", accept)
	setIdentity(request.Header, user)
	transport, release, err := r.manager.client.Transport(r.endpoint)
	if err != nil {
		return nil, err
	}
	defer release()
	client := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		// The next try finds its way anew.
		transport.CloseIdleConnections()
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxDocument+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxDocument {
		return nil, errors.New("the answer is too large")
	}
	return &fetched{response.StatusCode, body}, nil
}

// toDiscovery puts a server's list of resources in the aggregated form.
func toDiscovery(list *metav1.APIResourceList, s *service) []resourceDiscovery {
	out := []resourceDiscovery{}
	at := map[string]int{}
	kindOf := func(r *metav1.APIResource) *metav1.GroupVersionKind {
		k := &metav1.GroupVersionKind{Group: r.Group, Version: r.Version, Kind: r.Kind}
		if k.Group == "" && k.Version == "" {
			k.Group, k.Version = s.Spec.Group, s.Spec.Version
		}
		return k
	}
	for i := range list.APIResources {
		r := &list.APIResources[i]
		if strings.Contains(r.Name, "/") {
			continue
		}
		scope := apidiscoveryv2.ScopeCluster
		if r.Namespaced {
			scope = apidiscoveryv2.ScopeNamespace
		}
		at[r.Name] = len(out)
		out = append(out, resourceDiscovery{
			Resource: r.Name, SingularResource: r.SingularName, Scope: scope, ResponseKind: kindOf(r),
			Verbs: r.Verbs, ShortNames: r.ShortNames, Categories: r.Categories,
		})
	}
	for i := range list.APIResources {
		r := &list.APIResources[i]
		parent, sub, is := strings.Cut(r.Name, "/")
		if n, ok := at[parent]; is && ok {
			out[n].Subresources = append(out[n].Subresources, apidiscoveryv2.APISubresourceDiscovery{
				Subresource: sub, ResponseKind: kindOf(r), Verbs: r.Verbs,
			})
		}
	}
	return out
}
