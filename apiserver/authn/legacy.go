package authn

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4/jwt"
	corev1 "k8s.io/api/core/v1"

	"minke/api/inprocess"
)

// legacyIssuer is the iss of tokens that are kept in Secrets.
const legacyIssuer = "kubernetes/serviceaccount"

// legacy are the claims of a token that is kept in a Secret. It has no end and
// no audience: it is good for this server while the Secret has it.
type legacy struct {
	Namespace   string `json:"kubernetes.io/serviceaccount/namespace"`
	Secret      string `json:"kubernetes.io/serviceaccount/secret.name"`
	AccountName string `json:"kubernetes.io/serviceaccount/service-account.name"`
	AccountUID  string `json:"kubernetes.io/serviceaccount/service-account.uid"`
}

// IssueLegacy signs the token of account that is kept in the secret of that name.
func (i *Issuer) IssueLegacy(account *corev1.ServiceAccount, secret string) (string, error) {
	public := jwt.Claims{Issuer: legacyIssuer, Subject: accountName(account.Namespace, account.Name)}
	own := legacy{Namespace: account.Namespace, Secret: secret, AccountName: account.Name, AccountUID: string(account.UID)}
	token, err := jwt.Signed(i.signer).Claims(public).Claims(own).Serialize()
	if err != nil {
		return "", fmt.Errorf("sign token of service account %s/%s for secret %s: %w", account.Namespace, account.Name, secret, err)
	}
	return token, nil
}

// invalidSince marks a Secret whose token was not used for a year.
const invalidSince = "kubernetes.io/legacy-token-invalid-since"

// legacyUser returns whom a token that is kept in a Secret stands for.
func (s *ServiceAccounts) legacyUser(ctx context.Context, token string, parsed *jwt.JSONWebToken) (*inprocess.User, error) {
	var public jwt.Claims
	var own legacy
	if err := s.Issuer.signed(parsed, &public, &own); err != nil {
		return nil, err
	}
	if public.Subject != accountName(own.Namespace, own.AccountName) || own.Secret == "" {
		return nil, errors.New("authenticate token: its subject is not its service account")
	}
	obj, err := s.Reader.Get(ctx, corev1.SchemeGroupVersion.WithResource("secrets"), own.Namespace, own.Secret)
	if err != nil {
		return nil, fmt.Errorf("authenticate token of secret %s/%s: %w", own.Namespace, own.Secret, err)
	}
	secret, ok := obj.(*corev1.Secret)
	switch {
	case !ok || secret.DeletionTimestamp != nil:
		return nil, fmt.Errorf("authenticate token of secret %s/%s: it is being deleted", own.Namespace, own.Secret)
	case subtle.ConstantTimeCompare(secret.Data[corev1.ServiceAccountTokenKey], []byte(token)) != 1:
		return nil, fmt.Errorf("authenticate token of secret %s/%s: it has another one now", own.Namespace, own.Secret)
	case secret.Labels[invalidSince] != "":
		return nil, fmt.Errorf("authenticate token of secret %s/%s: it is invalid since %s", own.Namespace, own.Secret, secret.Labels[invalidSince])
	}
	obj, err = s.Reader.Get(ctx, corev1.SchemeGroupVersion.WithResource("serviceaccounts"), own.Namespace, own.AccountName)
	if err != nil {
		return nil, fmt.Errorf("authenticate token of secret %s/%s: %w", own.Namespace, own.Secret, err)
	}
	account, ok := obj.(*corev1.ServiceAccount)
	if !ok || account.DeletionTimestamp != nil || string(account.UID) != own.AccountUID {
		return nil, fmt.Errorf("authenticate token of secret %s/%s: its service account was replaced", own.Namespace, own.Secret)
	}
	return &inprocess.User{Name: public.Subject, UID: own.AccountUID, Groups: accountGroups(own.Namespace)}, nil
}
