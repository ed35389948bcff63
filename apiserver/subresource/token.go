package subresource

import (
	"context"
	"fmt"
	"net/http"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/apiserver/admission"
	"minke/apiserver/authn"
	"minke/apiserver/request"
)

// The bounds of a token's life in seconds.
const (
	defaultTokenLife = 3600
	minTokenLife     = 600
	maxTokenLife     = 1 << 32
)

// token issues a token of a service account (TokenRequest).
func (s *Server) token(w http.ResponseWriter, r *http.Request) error {
	ctx, info := r.Context(), request.InfoFrom(r.Context())
	var req authenticationv1.TokenRequest
	if err := s.Codec.Read(w, r, &req); err != nil {
		return err
	}
	if req.Namespace != "" && req.Namespace != info.Namespace {
		return apierrors.NewBadRequest("the namespace of the provided object does not match the namespace sent on the request")
	}
	attributes := &admission.Attributes{
		Operation: admission.Create, Subresource: "token", Namespace: info.Namespace, Name: info.Name,
		User: request.UserFrom(ctx), Object: &req, DryRun: dryRun(r),
		Version: admission.Version{Kind: authenticationv1.SchemeGroupVersion.WithKind("TokenRequest")},
	}
	if err := s.mutate(ctx, attributes, "serviceaccounts"); err != nil {
		return err
	}
	req = *attributes.Object.(*authenticationv1.TokenRequest)
	if req.Name != "" && req.Name != info.Name {
		return invalidToken(info.Name, field.ErrorList{field.Invalid(field.NewPath("metadata", "name"), req.Name, "must match the service account name if specified")})
	}
	obj, err := s.Reader.Get(ctx, corev1.SchemeGroupVersion.WithResource("serviceaccounts"), info.Namespace, info.Name)
	if err != nil {
		return err
	}
	account := obj.(*corev1.ServiceAccount)
	if err := s.completeToken(&req); err != nil {
		return err
	}
	req.Name, req.Namespace, req.UID, req.CreationTimestamp = account.Name, account.Namespace, uuid.NewUUID(), metav1.NewTime(s.Now())
	attributes.Object = &req
	if err := s.validate(ctx, attributes); err != nil {
		return err
	}
	to, err := s.bound(ctx, account, req.Spec.BoundObjectRef)
	if err != nil {
		return err
	}
	issued, err := s.Issuer.Issue(account, to, req.Spec.Audiences, s.tokenLife(&req, to))
	if err != nil {
		return apierrors.NewInternalError(err)
	}
	request.AnnotationsFrom(ctx).Annotate("authentication.kubernetes.io/issued-credential-id", "JTI="+issued.ID)
	req.TypeMeta = metav1.TypeMeta{APIVersion: "authentication.k8s.io/v1", Kind: "TokenRequest"}
	req.Status = authenticationv1.TokenRequestStatus{Token: issued.Token, ExpirationTimestamp: metav1.NewTime(issued.Expires)}
	s.Codec.Write(w, r, http.StatusCreated, &req)
	return nil
}

// completeToken sets defaults and checks bounds.
func (s *Server) completeToken(req *authenticationv1.TokenRequest) error {
	if len(req.Spec.Audiences) == 0 {
		req.Spec.Audiences = s.Audiences
	}
	if req.Spec.ExpirationSeconds == nil {
		life := int64(defaultTokenLife)
		req.Spec.ExpirationSeconds = &life
	}
	seconds, path := *req.Spec.ExpirationSeconds, field.NewPath("spec", "expirationSeconds")
	var errs field.ErrorList
	if seconds < minTokenLife {
		errs = append(errs, field.Invalid(path, seconds, "may not specify a duration less than 10 minutes"))
	}
	if seconds > maxTokenLife {
		errs = append(errs, field.Invalid(path, seconds, "may not specify a duration larger than 2^32 seconds"))
	}
	if len(errs) > 0 {
		return invalidToken(req.Name, errs)
	}
	return nil
}

func invalidToken(name string, errs field.ErrorList) error {
	return apierrors.NewInvalid(authenticationv1.SchemeGroupVersion.WithKind("TokenRequest").GroupKind(), name, errs)
}

// The life of the tokens that pods get by default: clients that do not read a
// new one in time are let in for a year and told of (KEP-1205).
const (
	podTokenLife  = 3607
	extendedToken = 365 * 24 * time.Hour
)

func (s *Server) tokenLife(req *authenticationv1.TokenRequest, to authn.Bound) authn.Life {
	valid := time.Duration(*req.Spec.ExpirationSeconds) * time.Second
	if s.MaxTokenLife > 0 && valid > s.MaxTokenLife {
		valid = s.MaxTokenLife
		*req.Spec.ExpirationSeconds = int64(valid / time.Second)
	}
	if !s.ExtendTokens || to.Pod == nil || *req.Spec.ExpirationSeconds != podTokenLife || !sameAudiences(req.Spec.Audiences, s.Audiences) {
		return authn.Life{Valid: valid}
	}
	return authn.Life{Valid: extendedToken, Fresh: valid}
}

func sameAudiences(asked, own []string) bool {
	known := map[string]bool{}
	for _, a := range own {
		known[a] = true
	}
	for _, a := range asked {
		if !known[a] {
			return false
		}
	}
	return true
}

// bound finds what the token is to be bound to.
func (s *Server) bound(ctx context.Context, account *corev1.ServiceAccount, ref *authenticationv1.BoundObjectReference) (to authn.Bound, err error) {
	if ref == nil {
		return to, nil
	}
	kind := schema.FromAPIVersionAndKind(ref.APIVersion, ref.Kind)
	var obj metav1.Object
	switch kind.GroupKind().String() {
	case "Pod", "Secret", "Node":
		if ref.Name == "" {
			return to, apierrors.NewBadRequest("Name parameter required.")
		}
	}
	switch kind.GroupKind().String() {
	case "Pod":
		if to.Pod, err = getAs[*corev1.Pod](s, ctx, "pods", account.Namespace, ref.Name); err != nil {
			return to, err
		}
		if to.Pod.Spec.ServiceAccountName != account.Name {
			return to, apierrors.NewBadRequest(fmt.Sprintf("cannot bind token for serviceaccount %q to pod running with different serviceaccount name.", account.Name))
		}
		obj = to.Pod
		to.Node = s.nodeOf(ctx, to.Pod)
	case "Secret":
		if to.Secret, err = getAs[*corev1.Secret](s, ctx, "secrets", account.Namespace, ref.Name); err != nil {
			return to, err
		}
		obj = to.Secret
	case "Node":
		if to.Node, err = getAs[*corev1.Node](s, ctx, "nodes", "", ref.Name); err != nil {
			return to, err
		}
		obj = to.Node
	default:
		return to, apierrors.NewBadRequest(fmt.Sprintf("cannot bind token to object of type %s", kind))
	}
	if ref.UID != "" && ref.UID != obj.GetUID() {
		return to, apierrors.NewConflict(corev1.Resource(ref.Kind), ref.Name, fmt.Errorf("the UID in the bound object reference (%s) does not match the UID in record. The object might have been deleted and then recreated", ref.UID))
	}
	return to, nil
}

// nodeOf returns the node that a token of the pod tells of. A node that does
// not exist (any more) is told by its name alone.
func (s *Server) nodeOf(ctx context.Context, pod *corev1.Pod) *corev1.Node {
	if pod.Spec.NodeName == "" {
		return nil
	}
	node, err := getAs[*corev1.Node](s, ctx, "nodes", "", pod.Spec.NodeName)
	if err != nil {
		return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: pod.Spec.NodeName}}
	}
	return node
}

// getAs reads a core object of a known type.
func getAs[T runtime.Object](s *Server, ctx context.Context, resource, namespace, name string) (T, error) {
	var none T
	obj, err := s.Reader.Get(ctx, corev1.SchemeGroupVersion.WithResource(resource), namespace, name)
	if err != nil {
		return none, err
	}
	t, ok := obj.(T)
	if !ok {
		return none, apierrors.NewInternalError(fmt.Errorf("get %s %s/%s: found a %T", resource, namespace, name, obj))
	}
	return t, nil
}
