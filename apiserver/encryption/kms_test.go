package encryption

import (
	"bytes"
	"testing"
	"time"

	"minke/store/local"
)

// TestKMSRotation seals with a new seed once the plug-in has a new key, and
// knows what the old one sealed to be stale.
func TestKMSRotation(t *testing.T) {
	v := newVault(t)
	st := local.OpenMemory()
	defer st.Close()
	e := encryption(t, config(v.provider()))
	c := view(t, st, e.For(secrets))
	old := create(t, c, "a")
	before := stored(t, st, "a")
	v.set("key-2", false)
	if err := e.now().plugIns[0].check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := read(t, view(t, st, e.For(secrets)), "a"); got != "tell-nobody" {
		t.Errorf("read %q", got)
	}
	if now, err := c.Update(t.Context(), old, old.Object().DeepCopyObject()); err != nil || now.Revision == old.Revision {
		t.Fatalf("a stale object was not sealed anew: %v", err)
	}
	after := stored(t, st, "a")
	if !bytes.Contains(before, []byte("key-1")) || !bytes.Contains(after, []byte("key-2")) {
		t.Errorf("sealed as %q, then as %q", before, after)
	}
	if v.decrypts != 0 {
		t.Errorf("the plug-in was asked %d times for seeds that we made", v.decrypts)
	}
	// Another server asks once for each seed, not once for each object.
	create(t, c, "b")
	other := view(t, st, encryption(t, config(v.provider())).For(secrets))
	if got := read(t, other, "b"); got != "tell-nobody" || v.decrypts != 1 {
		t.Errorf("another server reads %q and asked %d times", got, v.decrypts)
	}
}

// TestKMSAway goes on for three minutes with a seed whose plug-in does not
// answer, then refuses to seal; reads go on.
func TestKMSAway(t *testing.T) {
	v := newVault(t)
	st := local.OpenMemory()
	defer st.Close()
	e := encryption(t, config(v.provider()))
	c := view(t, st, e.For(secrets))
	create(t, c, "a")
	v.set("key-1", true)
	p := e.now().plugIns[0]
	if err := p.check(t.Context()); err == nil || e.Healthy(t.Context()) == nil {
		t.Error("an ill plug-in is called healthy")
	}
	create(t, c, "b")
	expired := *p.current.Load()
	expired.expires = time.Now().Add(-time.Second)
	p.current.Store(&expired)
	if _, err := c.Create(t.Context(), prefix+"ns/c", secret("c")); err == nil {
		t.Error("sealed with an expired seed")
	}
	if got := read(t, view(t, st, e.For(secrets)), "b"); got != "tell-nobody" {
		t.Errorf("read %q", got)
	}
	// A server that starts now waits for the plug-in, and then has everything.
	late := view(t, st, encryption(t, config(v.provider())).For(secrets))
	if _, err := late.Snapshot(t.Context(), 0); err == nil {
		t.Error("a list lacks what cannot be opened")
	}
	v.set("key-1", false)
	eventually(t, func() bool { _, err := late.Snapshot(t.Context(), 0); return err == nil })
	if got := read(t, late, "a"); got != "tell-nobody" {
		t.Errorf("read %q", got)
	}
	if err := p.check(t.Context()); err != nil {
		t.Fatal(err)
	}
	create(t, c, "c")
}

// eventually waits for what another goroutine will do.
func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	for !holds() {
		select {
		case <-t.Context().Done():
			t.Fatal("it never came")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// TestEnvelope reads back what it writes, and takes no rubbish.
func TestEnvelope(t *testing.T) {
	e := envelope{data: []byte("d"), keyID: "k", wrapped: []byte("w"), kind: wrappedSeed, annotations: map[string][]byte{"a.example.com": []byte("1"), "b.example.com": nil}}
	var got envelope
	if err := got.unmarshal(e.marshal()); err != nil || got.id() != e.id() || string(got.data) != "d" {
		t.Errorf("got %+v, %v", got, err)
	}
	whole := e.marshal()
	for n := range whole {
		var cut envelope
		if err := cut.unmarshal(whole[:n]); err == nil && cut.validate() == nil && cut.id() == e.id() {
			t.Errorf("cut to %d bytes it is the same", n)
		}
	}
	for _, bad := range []envelope{{}, {keyID: "k"}, {keyID: "k", wrapped: make([]byte, maxWrapped+1)}, {keyID: "k", wrapped: []byte("w"), annotations: map[string][]byte{"x": nil}}} {
		if bad.validate() == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}
