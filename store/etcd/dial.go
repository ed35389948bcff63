package etcd

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math"
	"net"
	"net/url"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
)

// roundRobin spreads the calls over all endpoints that can be reached.
const roundRobin = `{"loadBalancingConfig": [{"round_robin": {}}]}`

// dial makes the connection; endpoints are connected to when first used.
func dial(o *Options) (*grpc.ClientConn, error) {
	addresses, secure, err := addressesOf(o.Endpoints)
	if err != nil {
		return nil, err
	}
	transport := insecure.NewCredentials()
	if secure {
		config, err := o.tls()
		if err != nil {
			return nil, err
		}
		transport = credentials.NewTLS(config)
	}
	endpoints := manual.NewBuilderWithScheme("etcd")
	endpoints.InitialState(resolver.State{Addresses: addresses})
	options := []grpc.DialOption{
		grpc.WithResolvers(endpoints),
		grpc.WithDefaultServiceConfig(roundRobin),
		grpc.WithDisableServiceConfig(),
		grpc.WithTransportCredentials(transport),
		grpc.WithNoProxy(),
		// A list of a large resource, and a watch that catches up, have no
		// bound but etcd's own.
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(math.MaxInt32), grpc.MaxCallSendMsgSize(math.MaxInt32)),
		// A machine that is gone does not say so. etcd allows to ask every five
		// seconds, and only where something is under way.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 5 * time.Second}),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second},
			MinConnectTimeout: 5 * time.Second,
		}),
		// It stays connected: the first call after a quiet hour is as fast as any.
		grpc.WithIdleTimeout(0),
	}
	if o.Dial != nil {
		options = append(options, grpc.WithContextDialer(o.Dial))
	} else {
		options = append(options, grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		}))
	}
	return grpc.NewClient("etcd:///"+addresses[0].Addr, options...)
}

// addressesOf takes the endpoints apart, and tells whether they want TLS.
func addressesOf(endpoints []string) (addresses []resolver.Address, secure bool, err error) {
	if len(endpoints) == 0 {
		return nil, false, errors.New("no endpoint is named")
	}
	for i, endpoint := range endpoints {
		u, err := url.Parse(endpoint)
		if err != nil || u.Host == "" || u.Port() == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, false, fmt.Errorf("endpoint %q: want a URL such as https://10.0.0.1:2379", endpoint)
		}
		if i > 0 && secure != (u.Scheme == "https") {
			return nil, false, fmt.Errorf("endpoint %q: all endpoints must be https, or all http", endpoint)
		}
		secure = u.Scheme == "https"
		addresses = append(addresses, resolver.Address{Addr: u.Host, ServerName: u.Hostname()})
	}
	return addresses, secure, nil
}

// tls returns how etcd is verified and how we show who we are.
func (o *Options) tls() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.CAFile != "" {
		pem, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read the CA: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read the CA: %s holds no certificate", o.CAFile)
		}
	}
	if (o.CertFile == "") != (o.KeyFile == "") {
		return nil, errors.New("a client certificate needs both its file and its key's")
	}
	if o.CertFile == "" {
		return config, nil
	}
	load := func() (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(o.CertFile, o.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("read the client's certificate: %w", err)
		}
		return &pair, nil
	}
	if _, err := load(); err != nil {
		return nil, err
	}
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return load() }
	return config, nil
}
