package options

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/pflag"

	"minke/apiserver/audit"
	"minke/apiserver/webhook"
)

// Audit says who is told what happened. Without a policy file nobody is.
type Audit struct {
	Policy  File         `json:"policyFile,omitempty"`
	Log     AuditLog     `json:"log,omitzero"`
	Webhook AuditWebhook `json:"webhook,omitzero"`
}

// AuditLog is the log file's part.
type AuditLog struct {
	// Path is "-" for standard output.
	Path       auditPath  `json:"path,omitempty"`
	MaxAge     int        `json:"maxAge,omitempty"`    // days
	MaxBackups int        `json:"maxBackup,omitempty"` // files
	MaxSize    int        `json:"maxSize,omitempty"`   // MiB
	Format     string     `json:"format,omitempty"`
	Use        AuditUsage `json:"use,omitzero"`
}

// AuditWebhook is the webhook's part.
type AuditWebhook struct {
	Config  File          `json:"configFile,omitempty"`
	Backoff time.Duration `json:"initialBackoff,omitempty"`
	Use     AuditUsage    `json:"use,omitzero"`
}

// AuditUsage says how a back-end is told.
type AuditUsage struct {
	// Mode is batch, blocking or blocking-strict.
	Mode     string        `json:"mode,omitempty"`
	Buffer   int           `json:"batchBufferSize,omitempty"`
	Batch    int           `json:"batchMaxSize,omitempty"`
	Wait     time.Duration `json:"batchMaxWait,omitempty"`
	Throttle bool          `json:"batchThrottleEnable,omitempty"`
	QPS      float64       `json:"batchThrottleQPS,omitempty"`
	Burst    int           `json:"batchThrottleBurst,omitempty"`
	Truncate bool          `json:"truncateEnabled,omitempty"`
	// MaxBatch and MaxEvent are in bytes.
	MaxBatch int `json:"truncateMaxBatchSize,omitempty"`
	MaxEvent int `json:"truncateMaxEventSize,omitempty"`
}

func (o *Audit) addFlags(flags *pflag.FlagSet) {
	flags.Var(&o.Policy, "audit-policy-file", "file with the audit policy (audit.k8s.io/v1 Policy); without it nothing is audited")
	l, h := &o.Log, &o.Webhook
	flags.Var(&l.Path, "audit-log-path", "file that audit events are written to; - is standard output")
	flags.IntVar(&l.MaxAge, "audit-log-maxage", 0, "how many days old audit logs are kept (0 for ever)")
	flags.IntVar(&l.MaxBackups, "audit-log-maxbackup", 0, "how many old audit logs are kept (0 for all)")
	flags.IntVar(&l.MaxSize, "audit-log-maxsize", 0, "size in MiB at which an audit log makes way for a new one (default 100)")
	flags.StringVar(&l.Format, "audit-log-format", "", "format of audit logs: json or legacy (default json)")
	flags.Var(&h.Config, "audit-webhook-config-file", "kubeconfig of the webhook that audit events are sent to")
	flags.DurationVar(&h.Backoff, "audit-webhook-initial-backoff", 0, "pause before a failed call is tried again (default 10s)")
	flags.DurationVar(&h.Backoff, "audit-webhook-batch-initial-backoff", 0, "the same as --audit-webhook-initial-backoff (deprecated in Kubernetes)")
	l.Use.addFlags(flags, "audit-log-", "blocking")
	h.Use.addFlags(flags, "audit-webhook-", "batch")
}

func (u *AuditUsage) addFlags(flags *pflag.FlagSet, prefix, mode string) {
	flags.StringVar(&u.Mode, prefix+"mode", "", "batch, blocking or blocking-strict (default "+mode+")")
	flags.IntVar(&u.Buffer, prefix+"batch-buffer-size", 0, "how many events wait at most in batch mode; what does not fit is dropped (default 10000)")
	flags.IntVar(&u.Batch, prefix+"batch-max-size", 0, "how many events make a batch (default 400)")
	flags.DurationVar(&u.Wait, prefix+"batch-max-wait", 0, "how long an event waits for others (default 30s)")
	flags.BoolVar(&u.Throttle, prefix+"batch-throttle-enable", false, "bound batches in a second")
	flags.Float64Var(&u.QPS, prefix+"batch-throttle-qps", 0, "how many batches a second (default 10)")
	flags.IntVar(&u.Burst, prefix+"batch-throttle-burst", 0, "how many batches at once (default 15)")
	flags.BoolVar(&u.Truncate, prefix+"truncate-enabled", false, "bound the sizes of events and batches")
	flags.IntVar(&u.MaxBatch, prefix+"truncate-max-batch-size", 0, "bound of a batch in bytes (default 10485760)")
	flags.IntVar(&u.MaxEvent, prefix+"truncate-max-event-size", 0, "bound of an event in bytes (default 102400)")
}

// Auditor returns what the options ask for, or nil.
func (o *Audit) Auditor(client *webhook.Client, log *slog.Logger) (*audit.Auditor, error) {
	if o.Policy == "" {
		if o.Log.Path != "" || o.Webhook.Config != "" {
			return nil, fmt.Errorf("configure audit: --audit-policy-file is missing")
		}
		return nil, nil
	}
	policy, err := audit.Load(string(o.Policy))
	if err != nil {
		return nil, err
	}
	var sinks []*audit.Sink
	if o.Log.Path != "" {
		b, err := o.Log.backend()
		if err != nil {
			return nil, err
		}
		sink, err := o.Log.Use.sink(b, "blocking")
		if err != nil {
			return nil, fmt.Errorf("configure audit log: %w", err)
		}
		sinks = append(sinks, sink)
	}
	if o.Webhook.Config != "" {
		endpoint, err := webhook.Kubeconfig(string(o.Webhook.Config))
		if err != nil {
			return nil, fmt.Errorf("configure audit webhook: %w", err)
		}
		sink, err := o.Webhook.Use.sink(&audit.Webhook{Client: client, Endpoint: endpoint, Backoff: cmp.Or(o.Webhook.Backoff, 10*time.Second)}, "batch")
		if err != nil {
			return nil, fmt.Errorf("configure audit webhook: %w", err)
		}
		sinks = append(sinks, sink)
	}
	if len(sinks) == 0 {
		return nil, nil
	}
	return audit.New(policy, sinks, log), nil
}

// auditPath is a File, or "-".
type auditPath File

// Set implements pflag.Value.
func (p *auditPath) Set(name string) error {
	if name == "-" {
		*p = "-"
		return nil
	}
	return (*File)(p).Set(name)
}

// String implements pflag.Value.
func (p *auditPath) String() string { return string(*p) }

// Type implements pflag.Value.
func (p *auditPath) Type() string { return "file" }

func (l *AuditLog) backend() (audit.Backend, error) {
	if l.Format != "" && l.Format != "json" && l.Format != "legacy" {
		return nil, fmt.Errorf("configure audit log: format %q is not known, want json or legacy", l.Format)
	}
	var out io.Writer = os.Stdout
	if l.Path != "-" {
		out = &audit.Rotated{Path: string(l.Path), Size: int64(l.MaxSize) << 20, Age: time.Duration(l.MaxAge) * 24 * time.Hour, Backups: l.MaxBackups}
	}
	return audit.Log{Out: out, Legacy: l.Format == "legacy"}, nil
}

func (u *AuditUsage) sink(b audit.Backend, mode string) (*audit.Sink, error) {
	s := &audit.Sink{Backend: b}
	switch cmp.Or(u.Mode, mode) {
	case "batch":
		s.Batch = &audit.Batch{Buffer: cmp.Or(u.Buffer, 10000), Size: cmp.Or(u.Batch, 400), Wait: cmp.Or(u.Wait, 30*time.Second)}
		if u.Throttle {
			s.Batch.Throttle, s.Batch.Burst = cmp.Or(u.QPS, 10), cmp.Or(u.Burst, 15)
		}
	case "blocking":
	case "blocking-strict":
		s.Strict = true
	default:
		return nil, fmt.Errorf("mode %q is not known, want batch, blocking or blocking-strict", u.Mode)
	}
	if u.Truncate {
		s.Truncate = &audit.Truncate{Batch: cmp.Or(u.MaxBatch, 10<<20), Event: cmp.Or(u.MaxEvent, 100<<10)}
	}
	return s, nil
}
