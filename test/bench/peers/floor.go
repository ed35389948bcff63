package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// The floor is what a program pays that does nothing of a watch but write its
// events: as many bytes, to as many connections, as often as apibench's paced
// phase has it. No server that sends an event when it happens can be cheaper.
const (
	floorBytes  = 1850 // an event on the wire, sealed
	floorRate   = 50   // events a second, for each connection
	floorEvents = 250
	// readerVariable makes this program the one that reads, from an address.
	readerVariable = "MINKE_BENCH_READER"
)

// floor returns a sentence with the figures.
func floor(ctx context.Context, connections int) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	reader := exec.CommandContext(ctx, self)
	reader.Env = append(os.Environ(), readerVariable+"="+l.Addr().String()+" "+strconv.Itoa(connections))
	reader.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	reader.Stderr = os.Stderr
	if err := reader.Start(); err != nil {
		return "", err
	}
	conns := make([]net.Conn, connections)
	for i := range conns {
		if conns[i], err = l.Accept(); err != nil {
			return "", err
		}
		defer conns[i].Close()
	}
	spent, err := writePaced(ctx, conns)
	if err != nil {
		return "", err
	}
	for _, c := range conns {
		c.Close()
	}
	each := spent / time.Duration(floorEvents*connections)
	return fmt.Sprintf("\nA program that only writes %d bytes to each of %d connections, %d times a second, pays %.1f µs for each: %.0f per CPU-s.\n",
		floorBytes, connections, floorRate, float64(each.Nanoseconds())/1000, float64(time.Second)/float64(each)), reader.Wait()
}

// writePaced returns the CPU time that it has used.
func writePaced(ctx context.Context, conns []net.Conn) (time.Duration, error) {
	event := make([]byte, floorBytes)
	tick := time.NewTicker(time.Second / floorRate)
	defer tick.Stop()
	before := ownCPU()
	for range floorEvents {
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-tick.C:
		}
		for _, c := range conns {
			if _, err := c.Write(event); err != nil {
				return 0, err
			}
		}
	}
	return ownCPU() - before, nil
}

// ownCPU is the CPU time of this process.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // it fails for bad arguments alone
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// beReader opens the connections and reads until they end.
func beReader(settings string) error {
	var address string
	var connections int
	if _, err := fmt.Sscan(settings, &address, &connections); err != nil {
		return err
	}
	var wg sync.WaitGroup
	for range connections {
		c, err := net.Dial("tcp", address)
		if err != nil {
			return err
		}
		wg.Go(func() {
			defer c.Close()
			_, _ = io.Copy(io.Discard, c)
		})
	}
	wg.Wait()
	return nil
}
