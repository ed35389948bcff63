package runtime

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"

	"google.golang.org/grpc"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// maxMessage bounds a CRI message, bytes: as the kubelet has it.
const maxMessage = 16 << 20

// Serve answers CRI on a unix socket until ctx ends. What stands at the path
// and does not answer is replaced.
func (r *Runtime) Serve(ctx context.Context, socketPath string) error {
	if c, err := net.Dial("unix", socketPath); err == nil {
		c.Close()
		return fmt.Errorf("serve CRI on %s: another process answers there", socketPath)
	}
	if err := os.Remove(socketPath); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("serve CRI: %w", err)
	}
	l, err := net.Listen("unix", socketPath)
	if err != nil {
		return fmt.Errorf("serve CRI: %w", err)
	}
	// Whoever reaches the socket is root on this machine.
	if err := os.Chmod(socketPath, 0o600); err != nil {
		l.Close()
		return fmt.Errorf("serve CRI: %w", err)
	}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage))
	runtimeapi.RegisterRuntimeServiceServer(server, r)
	runtimeapi.RegisterImageServiceServer(server, r)
	stop := context.AfterFunc(ctx, server.Stop)
	defer stop()
	if err := server.Serve(l); err != nil && ctx.Err() == nil {
		return fmt.Errorf("serve CRI on %s: %w", socketPath, err)
	}
	return nil
}
