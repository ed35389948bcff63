// Command pack compresses a file with zstd, for embedding: pack SOURCE TARGET
// writes TARGET.zst and, beside it, the SHA-256 of SOURCE in TARGET.sum.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: pack SOURCE TARGET")
		os.Exit(2)
	}
	if err := pack(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "pack:", err)
		os.Exit(1)
	}
}

func pack(source, target string) error {
	in, err := os.Open(source)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(target + ".zst.new")
	if err != nil {
		return err
	}
	w, err := zstd.NewWriter(out, zstd.WithEncoderLevel(zstd.SpeedBetterCompression))
	if err != nil {
		return errors.Join(err, out.Close())
	}
	sum := sha256.New()
	_, err = io.Copy(io.MultiWriter(w, sum), in)
	if err := errors.Join(err, w.Close(), out.Close()); err != nil {
		return err
	}
	if err := os.WriteFile(target+".sum", []byte(hex.EncodeToString(sum.Sum(nil))), 0o644); err != nil {
		return err
	}
	return os.Rename(target+".zst.new", target+".zst")
}
