// Package probe asks containers how they are: the four kinds of probe, and the
// workers that repeat them by each container's thresholds and tell the pod's
// worker when an answer changes.
package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	grpcstatus "google.golang.org/grpc/status"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"minke/kubelet/cri"
)

// Answer is what one probe found.
type Answer struct {
	OK bool
	// Output is shown to the user when the probe failed.
	Output string
	// Err tells that the probe itself could not be done; it counts as failed.
	Err error
}

// maxBody bounds what is read of an answer.
const maxBody = 10 << 10

// Prober does single probes.
type Prober struct {
	Runtime cri.Containers
	// Dial connects from the node's network namespace.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Target is the container that is asked.
type Target struct {
	PodIP       string
	Container   *corev1.Container
	ContainerID string
}

// Do does one probe within its timeout.
func (p *Prober) Do(ctx context.Context, spec *corev1.Probe, t Target) Answer {
	timeout := time.Duration(max(spec.TimeoutSeconds, 1)) * time.Second
	switch {
	case spec.Exec != nil:
		return p.exec(ctx, spec.Exec.Command, t, timeout)
	case spec.HTTPGet != nil:
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		return p.HTTP(ctx, spec.HTTPGet, t)
	case spec.TCPSocket != nil:
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		return p.TCP(ctx, spec.TCPSocket, t)
	case spec.GRPC != nil:
		return p.grpc(ctx, spec.GRPC, t, timeout)
	}
	return Answer{Err: errors.New("missing probe handler")}
}

func (p *Prober) exec(ctx context.Context, command []string, t Target, timeout time.Duration) Answer {
	answer, err := p.Runtime.ExecSync(ctx, &runtimeapi.ExecSyncRequest{ContainerId: t.ContainerID, Cmd: command, Timeout: int64(timeout / time.Second)})
	if grpcstatus.Code(err).String() == "DeadlineExceeded" {
		return Answer{Output: fmt.Sprintf("command timed out: %q timed out after %v", strings.Join(command, " "), timeout)}
	}
	if err != nil {
		return Answer{Err: err}
	}
	output := string(append(answer.Stdout, answer.Stderr...))
	return Answer{OK: answer.ExitCode == 0, Output: output[:min(len(output), maxBody)]}
}

// Port resolves a number or a name of the container's ports.
func Port(p intstr.IntOrString, c *corev1.Container) (int, error) {
	port := p.IntValue()
	if p.Type == intstr.String {
		for _, named := range c.Ports {
			if named.Name == p.StrVal {
				port = int(named.ContainerPort)
			}
		}
	}
	if port <= 0 || port > 65535 {
		return 0, fmt.Errorf("invalid port: %q of container %s", p.String(), c.Name)
	}
	return port, nil
}

// TCP succeeds when the port accepts a connection.
func (p *Prober) TCP(ctx context.Context, a *corev1.TCPSocketAction, t Target) Answer {
	port, err := Port(a.Port, t.Container)
	if err != nil {
		return Answer{Err: err}
	}
	host := a.Host
	if host == "" {
		host = t.PodIP
	}
	conn, err := p.dial(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return Answer{Output: err.Error()}
	}
	conn.Close()
	return Answer{OK: true}
}

func (p *Prober) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if p.Dial != nil {
		return p.Dial(ctx, network, address)
	}
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

// HTTP succeeds on 200 to 399. A redirect is followed to the same host only; one
// to elsewhere counts as success without being followed.
func (p *Prober) HTTP(ctx context.Context, a *corev1.HTTPGetAction, t Target) Answer {
	request, err := Request(ctx, a, t)
	if err != nil {
		return Answer{Err: err}
	}
	transport := &http.Transport{
		DialContext:       p.dial,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, // a probe asks for life, not for identity
		DisableKeepAlives: true, DisableCompression: true,
	}
	client := &http.Client{Transport: transport, CheckRedirect: func(to *http.Request, via []*http.Request) error {
		if to.URL.Hostname() != via[0].URL.Hostname() {
			return http.ErrUseLastResponse
		}
		if len(via) >= 10 {
			return errors.New("stopped after 10 redirects")
		}
		return nil
	}}
	answer, err := client.Do(request)
	if err != nil {
		return Answer{Output: err.Error()}
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxBody))
	if err != nil {
		return Answer{Output: err.Error()}
	}
	if answer.StatusCode >= 200 && answer.StatusCode < 400 {
		return Answer{OK: true, Output: string(body)}
	}
	return Answer{Output: fmt.Sprintf("HTTP probe failed with statuscode: %d", answer.StatusCode)}
}

// Request makes the request of an httpGet action.
func Request(ctx context.Context, a *corev1.HTTPGetAction, t Target) (*http.Request, error) {
	port, err := Port(a.Port, t.Container)
	if err != nil {
		return nil, err
	}
	host := a.Host
	if host == "" {
		host = t.PodIP
	}
	scheme := strings.ToLower(string(a.Scheme))
	if scheme == "" {
		scheme = "http"
	}
	at, err := url.Parse(a.Path)
	if err != nil {
		at = &url.URL{Path: a.Path}
	}
	at.Scheme, at.Host = scheme, net.JoinHostPort(host, strconv.Itoa(port))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return nil, err
	}
	for _, h := range a.HTTPHeaders {
		request.Header.Add(h.Name, h.Value)
	}
	if h := request.Header.Get("Host"); h != "" {
		request.Host = h
	}
	if _, ok := request.Header["User-Agent"]; !ok {
		request.Header.Set("User-Agent", "kube-probe/1.37")
	}
	if _, ok := request.Header["Accept"]; !ok {
		request.Header.Set("Accept", "*/*")
	}
	return request, nil
}

func (p *Prober) grpc(ctx context.Context, a *corev1.GRPCAction, t Target, timeout time.Duration) Answer {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	service := ""
	if a.Service != nil {
		service = *a.Service
	}
	conn, err := grpc.NewClient("passthrough:///"+net.JoinHostPort(t.PodIP, strconv.Itoa(int(a.Port))),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithUserAgent("kube-probe/1.37"),
		grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) { return p.dial(ctx, "tcp", address) }))
	if err != nil {
		return Answer{Output: err.Error()}
	}
	defer conn.Close()
	ctx = metadata.AppendToOutgoingContext(ctx, "user-agent", "kube-probe/1.37")
	answer, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{Service: service}, grpc.WaitForReady(false))
	if err != nil {
		return Answer{Output: fmt.Sprintf("service %q at port %d: %v", service, a.Port, err)}
	}
	if answer.Status != healthpb.HealthCheckResponse_SERVING {
		return Answer{Output: fmt.Sprintf("service unhealthy (responded with %q)", answer.Status)}
	}
	return Answer{OK: true, Output: "service healthy"}
}
