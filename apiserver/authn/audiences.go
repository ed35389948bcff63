package authn

import "context"

// ForServer is for tokens that know no audiences: they are meant for the server
// itself, and for nobody else.
type ForServer struct {
	Token Token
	// Audiences are the server's own.
	Audiences []string
}

var _ Token = ForServer{}

// AuthenticateToken implements Token.
func (f ForServer) AuthenticateToken(ctx context.Context, token string, audiences []string) (*Identity, error) {
	meant := f.Audiences
	if len(audiences) > 0 {
		if meant = intersect(f.Audiences, audiences); len(meant) == 0 {
			return nil, nil
		}
	}
	identity, err := f.Token.AuthenticateToken(ctx, token, audiences)
	if identity == nil || err != nil {
		return nil, err
	}
	return &Identity{User: identity.User, Audiences: meant}, nil
}
