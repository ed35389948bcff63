package clientconfig_test

import (
	"strings"
	"testing"

	"minke/api/clientconfig"
)

func TestValidate(t *testing.T) {
	text := func(s string) *string { return &s }
	port := func(n int32) *int32 { return &n }
	service := func(path string, p int32) *clientconfig.Service {
		return &clientconfig.Service{Namespace: "a", Name: "b", Path: &path, Port: port(p)}
	}
	for _, test := range []struct {
		url     *string
		service *clientconfig.Service
		want    string // of the first complaint
	}{
		{nil, nil, "exactly one of url or service is required"},
		{text("https://a"), service("/", 443), "exactly one of url or service is required"},
		{text("https://a/b"), nil, ""},
		{text("http://a/b"), nil, "'https' is the only allowed URL scheme"},
		{text("https:///b"), nil, "host must be specified"},
		{text("https://u:p@a"), nil, "user information is not permitted in the URL"},
		{text("https://a?b"), nil, "query parameters are not permitted in the URL"},
		{text("https://a#b"), nil, "fragments are not permitted in the URL"},
		{nil, service("", 443), ""},
		{nil, service("/a/b.c/", 443), ""},
		{nil, service("a", 443), "must start with a '/'"},
		{nil, service("a b", 443), "must start with a '/'"},
		{nil, service("%", 443), "must start with a '/'"},
		{nil, service("/a//b", 443), "segment[1] may not be empty"},
		{nil, service("//", 443), "segment[0] may not be empty"},
		{nil, service("/a/%2e%2e", 443), "segment[1]: a lowercase RFC 1123 subdomain"},
		{nil, service("/", 0), "port is not valid"},
		{nil, &clientconfig.Service{Name: "b"}, "service.namespace: Required value"},
		{nil, &clientconfig.Service{Namespace: "b"}, "service.name: Required value"},
	} {
		errs := clientconfig.Validate(test.url, test.service, nil)
		if len(errs) == 0 != (test.want == "") || len(errs) > 0 && !strings.Contains(errs[0].Error(), test.want) {
			t.Errorf("%v %+v: %v, want %q", test.url, test.service, errs, test.want)
		}
	}
}
