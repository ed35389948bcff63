package apiserver

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"minke/store"
)

// anyRevision in a token asks for the latest state, with whatever gaps and
// repetitions this brings.
const anyRevision = -1

// token says where the next page of a list begins. Clients see it as opaque
// text; its form is that of Kubernetes.
type token struct {
	Version  string         `json:"v"`
	Revision store.Revision `json:"rv"`
	// Start is the key, below the resource's prefix, after which to go on,
	// with a zero byte at its end.
	Start string `json:"start"`
	// Since is when the list began, in seconds of Unix time.
	Since int64 `json:"t,omitempty"`
}

// tokenLife is how long a list's revision is kept for its pages. Kubernetes
// forgets revisions after five minutes, and clients are tested to bear it.
const tokenLife = 5 * time.Minute

// old tells that the token's revision is not to be had any more.
func (t token) old(now time.Time) bool {
	return t.Revision >= 0 && now.Sub(time.Unix(t.Since, 0)) > tokenLife
}

const tokenVersion = "meta.k8s.io/v1"

func (t token) encode() string {
	t.Version = tokenVersion
	data, _ := json.Marshal(t) // strings and numbers always encode
	return base64.RawURLEncoding.EncodeToString(data)
}

func decodeToken(text string) (token, error) {
	var t token
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(data, &t)
	}
	if err == nil {
		err = t.check()
	}
	if err != nil {
		return t, apierrors.NewBadRequest(fmt.Sprintf("invalid continue token: continue key is not valid: %v", err))
	}
	t.Start = strings.TrimSuffix(t.Start, "\x00")
	return t, nil
}

// check fails for what this server would not have made. A start that climbs
// would lead to objects of another resource.
func (t token) check() error {
	switch {
	case t.Version != tokenVersion:
		return fmt.Errorf("server does not recognize this encoded version %s", t.Version)
	case t.Revision == 0:
		return errors.New("incorrect encoded start resourceVersion (version " + tokenVersion + ")")
	case t.Start == "":
		return errors.New("encoded start key empty (version " + tokenVersion + ")")
	case path.Clean("/"+t.Start) != "/"+strings.TrimPrefix(t.Start, "/"):
		return errors.New(t.Start)
	}
	return nil
}

// expiredToken refuses a token whose revision is gone and offers one that goes
// on with the latest state.
func expiredToken(t token) error {
	err := apierrors.NewResourceExpired("The provided continue parameter is too old " +
		"to display a consistent list result. You can start a new list without " +
		"the continue parameter, or use the continue token in this response to " +
		"retrieve the remainder of the results. Continuing with the provided " +
		"token results in an inconsistent list - objects that were created, " +
		"modified, or deleted between the time the first chunk was returned " +
		"and now may show up in the list.")
	err.ErrStatus.ListMeta.Continue = token{Revision: anyRevision, Start: t.Start + "\x00"}.encode()
	return err
}
