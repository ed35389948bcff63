// Command busybox writes the test image of a static busybox: busybox PROGRAM
// OUTPUT NAME…
package main

import (
	"fmt"
	"os"

	"minke/test/images"
)

func main() {
	if len(os.Args) < 4 {
		fmt.Fprintln(os.Stderr, "usage: busybox PROGRAM OUTPUT NAME…")
		os.Exit(2)
	}
	f, err := os.Create(os.Args[2])
	if err == nil {
		if err = images.Busybox(f, os.Args[1], os.Args[3:]...); err == nil {
			err = f.Close()
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "busybox:", err)
		os.Exit(1)
	}
}
