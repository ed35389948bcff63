package servers

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	coordinationv1 "k8s.io/api/coordination/v1"
)

// Keys are what all servers of a cluster must have in common, by names that give
// nothing away (digests).
type Keys struct {
	// Authority signs the certificates of users and nodes, FrontProxy those of
	// the servers as API servers behind them know them.
	Authority, FrontProxy string
	// Signing signs service account tokens; Accepted are all whose tokens are
	// believed, Signing among them.
	Signing  string
	Accepted []string
}

// The annotations of a server's lease.
const (
	authorityAnnotation  = "minke.io/ca-sha256"
	frontProxyAnnotation = "minke.io/front-proxy-ca-sha256"
	signingAnnotation    = "minke.io/service-account-signing-key"
	acceptedAnnotation   = "minke.io/service-account-keys"
	portAnnotation       = "minke.io/secure-port"
)

func (k Keys) annotations() map[string]string {
	return map[string]string{
		authorityAnnotation: k.Authority, frontProxyAnnotation: k.FrontProxy,
		signingAnnotation: k.Signing, acceptedAnnotation: strings.Join(k.Accepted, ","),
	}
}

// keysOf returns what a lease tells, which is nothing of a kube-apiserver.
func keysOf(l *coordinationv1.Lease) Keys {
	k := Keys{Authority: l.Annotations[authorityAnnotation], FrontProxy: l.Annotations[frontProxyAnnotation], Signing: l.Annotations[signingAnnotation]}
	if all := l.Annotations[acceptedAnnotation]; all != "" {
		k.Accepted = strings.Split(all, ",")
	}
	return k
}

// agree tells in what the keys of another server differ so that clients of both
// could not tell. What it does not tell is not compared.
func (k Keys) agree(other Keys) error {
	differ := func(what, own, its string) error {
		return fmt.Errorf("the %s differs (here %s, there %s): stop this server, copy ca.crt, ca.key, front-proxy-ca.crt, front-proxy-ca.key and service-account.key from the folder pki in that server's data directory to this one's, and start it again", what, own, its)
	}
	switch {
	case other.Authority != "" && other.Authority != k.Authority:
		return differ("certificate authority", k.Authority, other.Authority)
	case other.FrontProxy != "" && other.FrontProxy != k.FrontProxy:
		return differ("authority of front proxies", k.FrontProxy, other.FrontProxy)
	case other.Signing != "" && !slices.Contains(k.Accepted, other.Signing):
		return differ("key of service accounts", k.Signing, other.Signing)
	case len(other.Accepted) > 0 && !slices.Contains(other.Accepted, k.Signing):
		return differ("key of service accounts", k.Signing, other.Signing)
	}
	return nil
}

// agreeOnPort tells that the server of a lease has another port than this one: the
// endpoints of default/kubernetes have one for all. A kube-apiserver does not tell.
func agreeOnPort(own int32, other *coordinationv1.Lease) error {
	its, told := other.Annotations[portAnnotation]
	if !told || its == strconv.Itoa(int(own)) {
		return nil
	}
	return fmt.Errorf("the port differs (here %d, there %s), but the Service default/kubernetes leads to all servers by one port: start this server with --secure-port=%s, or stop all others and start them with --secure-port=%d", own, its, its, own)
}
