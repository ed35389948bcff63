package encryption

import (
	"strings"
	"testing"

	"minke/cluster/configfile"
)

func TestValidate(t *testing.T) {
	kms := func(fields string) string { return "  - kms: {" + fields + "}\n" }
	cases := []struct{ name, content, want string }{
		{"KMS v1", config(kms("apiVersion: v1, name: a, endpoint: 'unix:///a'")), `resources[0].providers[0].kms.apiVersion: Invalid value: "v1": KMSv1 is deprecated and not served: use KMSv2`},
		{"KMS without a version is v1", config(kms("name: a, endpoint: 'unix:///a'")), "KMSv1 is deprecated"},
		{"KMS over TCP", config(kms("apiVersion: v2, name: a, endpoint: 'tcp://a'")), `unsupported scheme "tcp"`},
		{"KMS with a colon", config(kms("apiVersion: v2, name: 'a:b', endpoint: 'unix:///a'")), "must not contain ':'"},
		{"KMS twice", config(kms("apiVersion: v2, name: a, endpoint: 'unix:///a'") + kms("apiVersion: v2, name: a, endpoint: 'unix:///b'")), "duplicate KMS provider name a"},
		{"a short key", config("  - secretbox: {keys: [{name: k, secret: " + key('1', 16) + "}]}\n"), "got 16, expected one of [32]"},
		{"a key that is not base64", config("  - aesgcm: {keys: [{name: k, secret: '%'}]}\n"), "secrets must be base64 encoded"},
		{"a key without a name", config("  - aesgcm: {keys: [{secret: " + key('1', 32) + "}]}\n"), "keys[0].name: Required value"},
		{"two providers in one", config("  - identity: {}\n    aesgcm: {keys: [{name: k, secret: " + key('1', 32) + "}]}\n"), "more than one provider"},
		{"no provider", strings.TrimSuffix(config(""), "\n") + " []\n", "providers: Required value"},
		{"a field that is not there", config(plain) + "    nothing: {}\n", "unknown field"},
		{"an overlap", strings.Replace(config(plain), "[secrets]", "[secrets, '*.']", 1), "overlapping resources"},
		{"twice", strings.Replace(config(plain), "[secrets]", "[secrets, secrets]", 1), "multiple times"},
		{"a star", strings.Replace(config(plain), "[secrets]", "['*']", 1), "use '*.' to encrypt"},
		{"masked", config(plain) + "- resources: ['*.*']\n  providers: [{identity: {}}]\n- resources: [pods]\n  providers: [{identity: {}}]\n", `resource "pods" is masked by earlier rule "*.*"`},
		{"good", config(localKeys("aesgcm", "k=1")+plain) + "- resources: ['*.apps', '*.']\n  providers: [{identity: {}}]\n- resources: ['*.*']\n  providers: [{identity: {}}]\n", ""},
	}
	for _, c := range cases {
		parsed, err := configfile.Encryption([]byte(c.content))
		if err == nil {
			var s *set
			if s, err = newSet(parsed, discard, newMetrics("")); err == nil {
				err = s.closePlugIns()
			}
		}
		if (err != nil) != (c.want != "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}
