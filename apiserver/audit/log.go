package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
)

// Log writes one line for each event.
type Log struct {
	Out io.Writer // it must take concurrent writes
	// Legacy writes a short text instead of JSON.
	Legacy bool
}

var _ Backend = Log{}

// Name implements Backend.
func (l Log) Name() string { return "log" }

// Tell implements Backend.
func (l Log) Tell(_ context.Context, events []*auditv1.Event) error {
	var b bytes.Buffer
	for _, e := range events {
		if l.Legacy {
			b.WriteString(legacy(e))
			continue
		}
		if err := json.NewEncoder(&b).Encode(e); err != nil {
			return fmt.Errorf("encode audit event: %w", err)
		}
	}
	_, err := l.Out.Write(b.Bytes())
	return err
}

// legacy is the text form of old.
func legacy(e *auditv1.Event) string {
	user, groups, as, asGroups, namespace, code, ip := "<none>", "<none>", "<self>", "<lookup>", "<none>", "<deferred>", "<unknown>"
	if e.User.Username != "" {
		user, groups = e.User.Username, list(e.User.Groups)
	}
	if i := e.ImpersonatedUser; i != nil {
		as = i.Username
		if len(i.Groups) > 0 {
			asGroups = list(i.Groups)
		}
	}
	if e.ObjectRef != nil && e.ObjectRef.Namespace != "" {
		namespace = e.ObjectRef.Namespace
	}
	if e.ResponseStatus != nil {
		code = strconv.Itoa(int(e.ResponseStatus.Code))
	}
	if len(e.SourceIPs) > 0 {
		ip = e.SourceIPs[0]
	}
	return fmt.Sprintf("%s AUDIT: id=%q stage=%q ip=%q method=%q user=%q groups=%s as=%q asgroups=%s user-agent=%q namespace=%q uri=%q response=%q\n",
		e.RequestReceivedTimestamp.Format(time.RFC3339Nano), e.AuditID, e.Stage, ip, e.Verb, user, groups, as, asGroups, e.UserAgent, namespace, e.RequestURI, code)
}

func list(names []string) string {
	if len(names) == 0 {
		return "<none>"
	}
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = strconv.Quote(n)
	}
	return `"` + strings.ReplaceAll(strings.Join(quoted, ","), `"`, `\"`) + `"`
}
