// Package configfile reads the configuration files of the API server: the kinds
// of apiserver.config.k8s.io, in every version, with defaults set. A field that
// the kind does not have is an error.
package configfile

import (
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/pkg/apis/apiserver/install"
)

// decoder is made for the first file: most servers have none.
var decoder = sync.OnceValue(func() runtime.Decoder {
	scheme := runtime.NewScheme()
	install.Install(scheme)
	return serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDecoder()
})

// Authentication reads an AuthenticationConfiguration. It is not validated.
func Authentication(data []byte) (*apiserver.AuthenticationConfiguration, error) {
	return read[*apiserver.AuthenticationConfiguration](data)
}

// Authorization reads an AuthorizationConfiguration. It is not validated.
func Authorization(data []byte) (*apiserver.AuthorizationConfiguration, error) {
	return read[*apiserver.AuthorizationConfiguration](data)
}

// Egress reads an EgressSelectorConfiguration. It is not validated.
func Egress(data []byte) (*apiserver.EgressSelectorConfiguration, error) {
	return read[*apiserver.EgressSelectorConfiguration](data)
}

// Encryption reads an EncryptionConfiguration. It is not validated.
func Encryption(data []byte) (*apiserver.EncryptionConfiguration, error) {
	return read[*apiserver.EncryptionConfiguration](data)
}

// Tracing reads a TracingConfiguration. It is not validated.
func Tracing(data []byte) (*apiserver.TracingConfiguration, error) {
	return read[*apiserver.TracingConfiguration](data)
}

func read[T runtime.Object](data []byte) (T, error) {
	var none T
	obj, err := runtime.Decode(decoder(), data)
	if err != nil {
		return none, err
	}
	config, ok := obj.(T)
	if !ok {
		return none, fmt.Errorf("it is a %T, want a %T", obj, none)
	}
	return config, nil
}
