package authn

import (
	"context"
	"crypto/sha256"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"minke/api/inprocess"
)

// StaticTokens are those of a token file. They are kept by their digests, so
// that how long a look takes tells nothing of how much of a guess was right.
type StaticTokens map[[sha256.Size]byte]*inprocess.User

var _ Token = StaticTokens(nil)

// ReadTokens reads a token file: lines of token,user,uid[,"group,group"].
func ReadTokens(from io.Reader) (StaticTokens, error) {
	r := csv.NewReader(from)
	r.FieldsPerRecord = -1
	r.TrimLeadingSpace = true
	out := StaticTokens{}
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		line, _ := r.FieldPos(0)
		if len(record) < 3 {
			return nil, fmt.Errorf("line %d: want token,user,uid and maybe groups, found %d fields", line, len(record))
		}
		if record[0] == "" {
			return nil, fmt.Errorf("line %d: the token is empty", line)
		}
		user := &inprocess.User{Name: record[1], UID: record[2]}
		if len(record) > 3 && record[3] != "" {
			user.Groups = strings.Split(record[3], ",")
		}
		out[sha256.Sum256([]byte(record[0]))] = user
	}
}

// AuthenticateToken implements Token; see ForServer.
func (s StaticTokens) AuthenticateToken(_ context.Context, token string, _ []string) (*Identity, error) {
	if user, ok := s[sha256.Sum256([]byte(token))]; ok {
		return &Identity{User: user}, nil
	}
	return nil, nil
}
