package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"minke/cluster/control"
	"minke/cluster/local"
)

// agentSocket is the control socket of `minke agent`.
const agentSocket = "/run/minke-agent/control"

func imageCommand() *cobra.Command {
	var name string
	cmd := &cobra.Command{Use: "image", Short: "Bring images into the nodes of this machine, list and remove them"}
	cmd.PersistentFlags().StringVar(&name, "name", "minke", "name of the cluster")
	cmd.AddCommand(
		&cobra.Command{
			Use: "import FILE.tar", Short: "Import an OCI or docker archive into every node; - reads standard input", Args: cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error { return importImage(cmd.Context(), name, args[0]) },
		},
		&cobra.Command{
			Use: "ls", Short: "List the images of every node", Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error { return listImages(cmd.Context(), name) },
		},
		&cobra.Command{
			Use: "rm IMAGE", Short: "Remove an image from every node", Args: cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				return onNodes(name, func(node string, c *control.Client) error {
					if err := c.Remove(cmd.Context(), args[0]); err != nil {
						return err
					}
					fmt.Printf("%s: removed %s\n", node, args[0])
					return nil
				})
			},
		},
	)
	return cmd
}

// onNodes calls f for every agent of the cluster on this machine.
func onNodes(cluster string, f func(node string, c *control.Client) error) error {
	paths, err := local.PathsOf(cluster, "")
	if err != nil {
		return err
	}
	sockets, err := filepath.Glob(filepath.Join(paths.Run, "*", "control"))
	if err != nil {
		return err
	}
	if len(sockets) == 0 {
		if _, err := os.Stat(agentSocket); err != nil {
			return fmt.Errorf("cluster %s has no running node on this machine", cluster)
		}
		sockets = []string{agentSocket}
	}
	for _, socket := range sockets {
		node := filepath.Base(filepath.Dir(socket))
		if err := f(node, control.NewClient(socket)); err != nil {
			return fmt.Errorf("%s: %w", node, err)
		}
	}
	return nil
}

func importImage(ctx context.Context, cluster, file string) error {
	in := os.Stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	} else if spooled, err := spool(in); err != nil {
		return err
	} else {
		defer spooled.Close()
		in = spooled
	}
	return onNodes(cluster, func(node string, c *control.Client) error {
		if _, err := in.Seek(0, io.SeekStart); err != nil {
			return err
		}
		names, err := c.Import(ctx, io.NopCloser(in))
		if err == nil {
			fmt.Printf("%s: imported %s\n", node, strings.Join(names, ", "))
		}
		return err
	})
}

// spool keeps standard input in an unnamed file: it is sent to several nodes.
func spool(in io.Reader) (*os.File, error) {
	f, err := os.CreateTemp("", "minke-image-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, err
	}
	_, err = io.Copy(f, in)
	return f, err
}

func listImages(ctx context.Context, cluster string) error {
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NODE\tIMAGE\tID\tSIZE")
	err := onNodes(cluster, func(node string, c *control.Client) error {
		images, err := c.List(ctx)
		for _, i := range images {
			fmt.Fprintf(table, "%s\t%s\t%.19s\t%.1f MB\n", node, strings.Join(i.Names, ","), i.ID, float64(i.Size)/1e6)
		}
		return err
	})
	if err != nil {
		return err
	}
	return table.Flush()
}
