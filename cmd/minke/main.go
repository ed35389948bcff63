// Command minke is Kubernetes in one program: `minke up` starts a cluster on
// this machine, `minke server` and `minke agent` are the production roles.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	root := &cobra.Command{
		Use:           "minke",
		Short:         "Kubernetes in one small, fast program",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(upCommand(), downCommand(), kubectlCommand(), nodeCommand(), versionCommand(), serverCommand(), agentCommand(), imageCommand())
	// A role that was asked to end has done what it should.
	if err := root.ExecuteContext(ctx); err != nil && !(ctx.Err() != nil && errors.Is(err, ctx.Err())) {
		fmt.Fprintln(os.Stderr, "minke:", err)
		os.Exit(1)
	}
}
