// Command guest is what the conformance rows run in pods where the toolbox does
// not do: programs that speak gRPC, verify tokens, or store what they are sent.
//
//	guest args WORD...             prints the words
//	guest grpc                     serves gRPC's health service on port 8080
//	guest registry                 serves an image on 127.0.0.1:5032
//	guest verify-token             verifies the pod's own service account token
//	guest book primary             stores the entries of a guestbook
//	guest book replica PRIMARY     stores what the primary hands on
//	guest book frontend PRIMARY REPLICA
package main

import (
	"errors"
	"fmt"
	"log"
	"net"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		log.Fatal("guest: ", err)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return errors.New("say what to do")
	}
	switch args[0] {
	case "args":
		fmt.Println(args[1:])
		return nil
	case "grpc":
		return serveHealth(":8080")
	case "registry":
		return serveRegistry("127.0.0.1:5032")
	case "verify-token":
		subject, err := verifyToken()
		if err != nil {
			return fmt.Errorf("verify token: %w", err)
		}
		fmt.Println("verified", subject)
		return nil
	case "book":
		return book(args[1:])
	}
	return fmt.Errorf("there is no %s", args[0])
}

// serveHealth says SERVING for ever.
func serveHealth(address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("serve health: %w", err)
	}
	s := grpc.NewServer()
	healthpb.RegisterHealthServer(s, health.NewServer())
	return s.Serve(l)
}
