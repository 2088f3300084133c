//go:build profile

package main

import (
	"fmt"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
)

// In a build with -profile this file is part of postern's main package, which
// has no profiler of its own. It writes a CPU profile to $POSTERN_PROFILE until
// SIGUSR2, and then ends the process. The file is opened before postern gives
// up root and the file system.
func init() {
	file, err := os.Create(os.Getenv("POSTERN_PROFILE"))
	if err == nil {
		err = pprof.StartCPUProfile(file)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "profile:", err)
		os.Exit(1)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGUSR2)
	go func() {
		<-stop
		pprof.StopCPUProfile()
		os.Exit(0)
	}()
}
