package apiserver_test

import (
	"minke/apiserver"
	"minke/apiserver/subresource"
	"minke/client"
)

// What other parts ask of the server, they find by these interfaces.
var (
	_ client.Source       = (*apiserver.Server)(nil)
	_ subresource.Codec   = apiserver.ActionCodec{}
	_ subresource.Reader  = (*apiserver.Server)(nil)
	_ subresource.Updater = (*apiserver.Server)(nil)
	_ subresource.Deleter = (*apiserver.Server)(nil)
)
