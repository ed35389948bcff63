package configreload

import (
	"errors"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestMetrics(t *testing.T) {
	m := New("authorization", "apiserver-x")
	if n := testutil.CollectAndCount(m); n != 0 {
		t.Errorf("%d metrics before there is a configuration", n)
	}
	m.InUse(Hash("one"))
	m.Reloaded(Hash("two"), errors.New("wrong"))
	m.Reloaded(Hash("three"), nil)
	m.Reloaded(Hash("four"), errors.New("wrong"))
	want := `
# HELP apiserver_authorization_config_controller_automatic_reloads_total Total number of automatic reloads of authorization configuration split by status and apiserver identity.
# TYPE apiserver_authorization_config_controller_automatic_reloads_total counter
apiserver_authorization_config_controller_automatic_reloads_total{SERVER,status="failure"} 2
apiserver_authorization_config_controller_automatic_reloads_total{SERVER,status="success"} 1
# HELP apiserver_authorization_config_controller_last_config_info Information about the last applied authorization configuration with hash as label, split by apiserver identity.
# TYPE apiserver_authorization_config_controller_last_config_info gauge
apiserver_authorization_config_controller_last_config_info{SERVER,hash="` + Hash([]byte("three")) + `"} 1
`
	want = strings.ReplaceAll(want, "SERVER", `apiserver_id_hash="`+Hash("apiserver-x")+`"`)
	err := testutil.CollectAndCompare(m, strings.NewReader(want),
		"apiserver_authorization_config_controller_automatic_reloads_total", "apiserver_authorization_config_controller_last_config_info")
	if err != nil {
		t.Error(err)
	}
	if n := testutil.CollectAndCount(m, "apiserver_authorization_config_controller_automatic_reload_last_timestamp_seconds"); n != 2 {
		t.Errorf("%d times, want 2", n)
	}
	// What is hashed is what anybody can hash.
	if got := Hash("three"); got != "sha256:"+"8b5b9db0c13db24256c829aa364aa90c6d2eba318b9232a4ab9313b954d3555f" || Hash("") != "" {
		t.Errorf("the hash of three is %s", got)
	}
	var none *Metrics
	none.InUse("x")
	none.Reloaded("x", nil)
}
