package subresource

import (
	"net/http"

	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/api/inprocess"
	"minke/apiserver/request"
)

const badToken = "invalid bearer token"

// tokenReview tells whom a token stands for.
func (s *Server) tokenReview(w http.ResponseWriter, r *http.Request) error {
	var review authenticationv1.TokenReview
	if err := s.Codec.Read(w, r, &review); err != nil {
		return err
	}
	if review.Spec.Token == "" {
		return apierrors.NewBadRequest("token is required for TokenReview in authentication")
	}
	audiences := review.Spec.Audiences
	if len(audiences) == 0 {
		audiences = s.Audiences
	}
	review.TypeMeta = metav1.TypeMeta{APIVersion: authenticationv1.SchemeGroupVersion.String(), Kind: "TokenReview"}
	identity, err := s.Tokens.AuthenticateToken(r.Context(), review.Spec.Token, audiences)
	// As in Kubernetes, what the question says of the rest of the status stays.
	review.Status.Authenticated = identity != nil && err == nil
	switch {
	case err != nil:
		// Who may review tokens is told why, as by Kubernetes.
		s.Log.Info("token review failed", "err", err)
		review.Status.Error = "[" + badToken + ", " + err.Error() + "]"
	case identity == nil:
		review.Status.Error = badToken
	default:
		user := *identity.User
		user.Groups = append(append([]string(nil), user.Groups...), "system:authenticated")
		review.Status.User = userInfo(&user)
		review.Status.Audiences = identity.Audiences
	}
	s.Codec.Write(w, r, http.StatusCreated, &review)
	return nil
}

// selfSubjectReview tells the caller who he is.
func (s *Server) selfSubjectReview(w http.ResponseWriter, r *http.Request) error {
	var review authenticationv1.SelfSubjectReview
	if err := s.Codec.Read(w, r, &review); err != nil {
		return err
	}
	// The answer has nothing of the question but its kind.
	s.Codec.Write(w, r, http.StatusCreated, &authenticationv1.SelfSubjectReview{
		TypeMeta:   metav1.TypeMeta{APIVersion: authenticationv1.SchemeGroupVersion.String(), Kind: "SelfSubjectReview"},
		ObjectMeta: metav1.ObjectMeta{CreationTimestamp: metav1.NewTime(s.Now())},
		Status:     authenticationv1.SelfSubjectReviewStatus{UserInfo: userInfo(request.UserFrom(r.Context()))},
	})
	return nil
}

func userInfo(u *inprocess.User) authenticationv1.UserInfo {
	info := authenticationv1.UserInfo{Username: u.Name, UID: u.UID, Groups: u.Groups}
	for k, v := range u.Extra {
		if info.Extra == nil {
			info.Extra = map[string]authenticationv1.ExtraValue{}
		}
		info.Extra[k] = v
	}
	return info
}
