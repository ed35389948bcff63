package encryption

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"minke/apiserver/configreload"
	"minke/tracing"
	"minke/tracing/tracingtest"
)

// counts returns the metrics as lines "name{label=value,…} number", without the
// sums and buckets of times.
func counts(t *testing.T, e *Encryption) []string {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(e.Collectors()...)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, f := range families {
		for _, m := range f.Metric {
			var labels []string
			for _, l := range m.Label {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			n := m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			if strings.HasSuffix(f.GetName(), "timestamp_seconds") {
				n = min(n, 1) // that there is a time
			}
			lines = append(lines, fmt.Sprintf("%s{%s} %v", strings.TrimPrefix(f.GetName(), "apiserver_"), strings.Join(labels, ","), n))
		}
	}
	return lines
}

// expect wants all lines.
func expect(t *testing.T, e *Encryption, lines ...string) {
	t.Helper()
	got := counts(t, e)
	for _, line := range lines {
		if !slices.Contains(got, line) {
			t.Errorf("there is no %s in\n%s", line, strings.Join(got, "\n"))
		}
	}
}

func TestMetricsOfKeys(t *testing.T) {
	e := encryption(t, config(localKeys("aescbc", "two=2", "one=1")+plain))
	old := encryption(t, config(localKeys("aescbc", "one=1")))
	ctx := t.Context()
	sealed, err := old.For(secrets).Seal(ctx, "/k", []byte("v"))
	if err != nil {
		t.Fatal(err)
	}
	s := e.For(secrets)
	if _, err := s.Seal(ctx, "/k", []byte("v")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		stored string
		fails  bool
	}{{string(sealed), false}, {"plain", false}, {"k8s:enc:aescbc:v1:gone:x", true}, {"k8s:enc:kms:v2:gone:x", true}, {"k8s:enc:aescbc:v1:two:short", true}} {
		if _, _, err := s.Open(ctx, "/k", []byte(c.stored)); (err != nil) != c.fails {
			t.Errorf("open %q: %v", c.stored, err)
		}
	}
	const ops, times = "storage_transformation_operations_total", "storage_transformation_duration_seconds"
	expect(t, e,
		ops+"{resource=secrets,status=OK,transformation_type=to_storage,transformer_prefix=k8s:enc:aescbc:v1:} 1",
		ops+"{resource=secrets,status=OK,transformation_type=to_storage,transformer_prefix=two:} 1",
		ops+"{resource=secrets,status=OK,transformation_type=from_storage,transformer_prefix=k8s:enc:aescbc:v1:} 1",
		ops+"{resource=secrets,status=OK,transformation_type=from_storage,transformer_prefix=one:} 1",
		ops+"{resource=secrets,status=OK,transformation_type=from_storage,transformer_prefix=identity} 1",
		ops+"{resource=secrets,status=unknown-non-grpc,transformation_type=from_storage,transformer_prefix=k8s:enc:aescbc:v1:} 2",
		ops+"{resource=secrets,status=unknown-non-grpc,transformation_type=from_storage,transformer_prefix=two:} 1",
		ops+"{resource=secrets,status=unknown-non-grpc,transformation_type=from_storage,transformer_prefix=unknown} 2",
		times+"{transformation_type=to_storage,transformer_prefix=k8s:enc:aescbc:v1:} 1",
		times+"{transformation_type=from_storage,transformer_prefix=identity} 1",
	)
	// What the configuration does not name is not counted.
	before := counts(t, e)
	if _, err := e.For(inGroup(secrets)).Seal(ctx, "/k", []byte("v")); err != nil {
		t.Fatal(err)
	}
	if after := counts(t, e); !slices.Equal(before, after) {
		t.Errorf("a resource that is not sealed counts:\n%v", after)
	}
}

func TestMetricsOfPlugIns(t *testing.T) {
	v := newVault(t)
	e := encryption(t, config(v.provider()))
	s := e.For(secrets)
	sealed, err := s.Seal(t.Context(), "/k", []byte("v"))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Open(t.Context(), "/k", sealed); err != nil {
		t.Fatal(err)
	}
	server, id := configreload.Hash("test"), configreload.Hash("key-1")
	const kmsCalls = "envelope_encryption_kms_operations_latency_seconds"
	expect(t, e,
		"storage_transformation_operations_total{resource=secrets,status=OK,transformation_type=to_storage,transformer_prefix=k8s:enc:kms:v2:vault:} 1",
		"storage_envelope_transformation_cache_misses_total{} 0",
		"storage_data_key_generation_duration_seconds{} 1",
		"envelope_encryption_dek_source_cache_size{provider_name=vault} 1",
		kmsCalls+"{grpc_status_code=OK,method_name=/v2.KeyManagementService/Status,provider_name=vault} 1",
		kmsCalls+"{grpc_status_code=OK,method_name=/v2.KeyManagementService/Encrypt,provider_name=vault} 1",
		"envelope_encryption_key_id_hash_total{apiserver_id_hash="+server+",key_id_hash="+id+",provider_name=vault,transformation_type=to_storage} 1",
		"envelope_encryption_key_id_hash_total{apiserver_id_hash="+server+",key_id_hash="+id+",provider_name=vault,transformation_type=from_storage} 1",
		"envelope_encryption_key_id_hash_last_timestamp_seconds{apiserver_id_hash="+server+",key_id_hash="+id+",provider_name=vault,transformation_type=from_storage} 1",
		"envelope_encryption_key_id_hash_status_last_timestamp_seconds{apiserver_id_hash="+server+",key_id_hash="+id+",provider_name=vault} 1",
	)
	// Another server asks the plug-in, which is ill then.
	other := encryption(t, config(v.provider()))
	if _, _, err := other.For(secrets).Open(t.Context(), "/k", sealed); err != nil {
		t.Fatal(err)
	}
	v.set("key-1", true)
	third := encryption(t, config(v.provider()))
	if _, _, err := third.For(secrets).Open(t.Context(), "/k", sealed); err == nil {
		t.Fatal("an ill plug-in has opened")
	}
	expect(t, other, "storage_envelope_transformation_cache_misses_total{} 1", kmsCalls+"{grpc_status_code=OK,method_name=/v2.KeyManagementService/Decrypt,provider_name=vault} 1")
	expect(t, third, kmsCalls+"{grpc_status_code=Unknown,method_name=/v2.KeyManagementService/Decrypt,provider_name=vault} 1",
		"storage_transformation_operations_total{resource=secrets,status=Unknown,transformation_type=from_storage,transformer_prefix=k8s:enc:kms:v2:vault:} 1")
}

func TestInvalidKeyIDs(t *testing.T) {
	v := newVault(t)
	e := encryption(t, config(v.provider()))
	p := e.now().plugIns[0]
	for _, id := range []string{"", strings.Repeat("x", maxKeyID+1), ""} {
		v.set(id, false)
		if err := p.check(t.Context()); err == nil || !strings.Contains(err.Error(), "key ID of its status") {
			t.Errorf("a key ID of %d bytes: %v", len(id), err)
		}
	}
	expect(t, e, "envelope_encryption_invalid_key_id_from_status_total{error=empty,provider_name=vault} 2",
		"envelope_encryption_invalid_key_id_from_status_total{error=too_long,provider_name=vault} 1")
}

// TestKeyUsesAreBounded: a plug-in that names ever new keys does not fill the
// memory; the key that is used all the time stays.
func TestKeyUsesAreBounded(t *testing.T) {
	u := newKeyUses(true)
	for i := range 10 * maxKeyUses {
		u.use(toStorage, "vault", fmt.Sprint(i))
		u.use(fromStorage, "vault", "often")
	}
	if n := len(u.all); n != maxKeyUses {
		t.Errorf("%d keys are counted", n)
	}
	if often := u.all[keyUse{fromStorage, "vault", "often"}]; often == nil || often.count != 10*maxKeyUses {
		t.Errorf("the key that is used most is %+v", often)
	}
}

func TestMetricsOfReloads(t *testing.T) {
	e := encryption(t, config(plain))
	first := fmt.Sprintf("sha256:%x", e.hash)
	server := configreload.Hash("test")
	info := "encryption_config_controller_last_config_info{apiserver_id_hash=" + server + ",hash="
	expect(t, e, info+first+"} 1")
	ctx, cancel := context.WithCancel(t.Context())
	touched, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- e.Run(ctx, touched) }()
	write(t, e.cfg.File, config(localKeys("aescbc", "one=1")))
	touched <- struct{}{}
	touched <- struct{}{} // the one before is done with; this one finds nothing new
	write(t, e.cfg.File, "nonsense")
	touched <- struct{}{}
	touched <- struct{}{}
	cancel()
	<-ended
	second := fmt.Sprintf("sha256:%x", e.hash)
	const reloads, times = "encryption_config_controller_automatic_reloads_total", "encryption_config_controller_automatic_reload_last_timestamp_seconds"
	expect(t, e, info+second+"} 1", times+"{apiserver_id_hash="+server+",status=success} 1", times+"{apiserver_id_hash="+server+",status=failure} 1",
		reloads+"{apiserver_id_hash="+server+",status=success} 1")
	if got := strings.Join(counts(t, e), "\n"); strings.Contains(got, first) || first == second || !strings.Contains(got, "status=failure} ") {
		t.Errorf("the metrics tell\n%s", got)
	}
}

// TestTraced: what a plug-in's keys seal and open is in the request's trace.
func TestTraced(t *testing.T) {
	collector := tracingtest.New(t)
	tracer, flush := collector.Tracer(t, 1_000_000)
	v := newVault(t)
	sealed, err := encryption(t, config(v.provider())).For(secrets).Seal(t.Context(), "/k", []byte("v"))
	if err != nil {
		t.Fatal(err)
	}
	root := tracer.Serve(tracing.Arrival{Name: "GET"})
	s := encryption(t, config(v.provider())).For(secrets)
	ctx := root.Within(t.Context())
	if _, _, err := s.Open(ctx, "/k", sealed); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Seal(ctx, "/k", []byte("v")); err != nil {
		t.Fatal(err)
	}
	flush()
	from, to := collector.One(t, "TransformFromStorage with envelopeTransformer"), collector.One(t, "TransformToStorage with envelopeTransformer")
	if from.Attr("transformer.provider.name") != "vault" || from.Trace() != to.Trace() ||
		strings.Join(from.Steps(), ",") != "About to decrypt DEK using remote service,DEK decryption succeeded,About to decrypt data using DEK,Data decryption succeeded" {
		t.Errorf("the steps are %v", from.Steps())
	}
	if strings.Join(to.Steps(), ",") != "About to encrypt data using DEK,Data encryption succeeded" {
		t.Errorf("the steps are %v", to.Steps())
	}
}
