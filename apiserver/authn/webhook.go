package authn

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/api/inprocess"
	"minke/apiserver/recent"
	"minke/apiserver/webhook"
)

// Bounds of asking a webhook about tokens.
const (
	webhookTime    = 30 * time.Second
	webhookAnswers = 4096
)

// Webhook asks another server about tokens that nobody here knows.
type Webhook struct {
	ask     func(ctx context.Context, body []byte, answer any) error
	version string
	life    time.Duration
	// own are the server's audiences.
	own     []string
	answers *recent.Cache[[sha256.Size]byte, answered]
}

var _ Token = (*Webhook)(nil)

// answered is what the webhook said; without user it did not know the token.
type answered struct {
	identity *Identity
	refusal  string
}

// WebhookConfig says whom to ask, and how.
type WebhookConfig struct {
	Client   *webhook.Client
	Endpoint webhook.Endpoint
	// Version of TokenReview: v1 or v1beta1.
	Version string
	// Life is how long an answer may be given again.
	Life time.Duration
	// Audiences are the server's own.
	Audiences []string
	// Now may be nil.
	Now func() time.Time
}

// NewWebhook returns an authenticator that asks the webhook of config.
func NewWebhook(config WebhookConfig) (*Webhook, error) {
	if config.Version != "v1" && config.Version != "v1beta1" {
		return nil, fmt.Errorf("unsupported TokenReview version %q: want v1 or v1beta1", config.Version)
	}
	ask := func(ctx context.Context, body []byte, answer any) error {
		return webhook.Retry(ctx, func() error {
			return config.Client.Post(ctx, &webhook.Call{Endpoint: config.Endpoint, Timeout: webhookTime, Body: body}, answer)
		})
	}
	return &Webhook{
		ask: ask, version: config.Version, life: config.Life, own: config.Audiences,
		answers: recent.New[[sha256.Size]byte, answered](webhookAnswers, config.Now),
	}, nil
}

// AuthenticateToken implements Token.
func (w *Webhook) AuthenticateToken(ctx context.Context, token string, audiences []string) (*Identity, error) {
	if len(audiences) == 0 {
		audiences = w.own
	}
	key := sha256.Sum256([]byte(token + "\x00" + strings.Join(audiences, "\x00")))
	a, known := w.answers.Get(key)
	if !known {
		var err error
		if a, err = w.review(ctx, token, audiences); err != nil {
			return nil, fmt.Errorf("authenticate token by webhook: %w", err)
		}
		w.answers.Put(key, a, w.life)
	}
	if a.refusal != "" {
		return nil, errors.New(a.refusal)
	}
	return a.identity, nil
}

func (w *Webhook) review(ctx context.Context, token string, audiences []string) (answered, error) {
	question := authenticationv1.TokenReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "authentication.k8s.io/" + w.version, Kind: "TokenReview"},
		Spec:     authenticationv1.TokenReviewSpec{Token: token, Audiences: audiences},
	}
	body, err := json.Marshal(&question)
	if err != nil {
		return answered{}, err
	}
	// v1beta1 has the same fields.
	var answer authenticationv1.TokenReview
	if err := w.ask(ctx, body, &answer); err != nil {
		return answered{}, err
	}
	status := answer.Status
	if !status.Authenticated {
		return answered{refusal: status.Error}, nil
	}
	meant := audiences
	switch {
	case len(status.Audiences) > 0:
		meant = intersect(status.Audiences, audiences)
	case len(audiences) > 0:
		// A webhook that says nothing of audiences speaks for the server's own.
		meant = intersect(w.own, audiences)
	}
	if len(audiences) > 0 && len(meant) == 0 {
		return answered{}, nil
	}
	user := &inprocess.User{Name: status.User.Username, UID: status.User.UID, Groups: status.User.Groups}
	for k, v := range status.User.Extra {
		if user.Extra == nil {
			user.Extra = map[string][]string{}
		}
		user.Extra[k] = v
	}
	return answered{identity: &Identity{User: user, Audiences: meant}}, nil
}
