// Ask sends requests to a proxy and prints the status of each response on a line
// of its own: a client for containers that have no other program.
//
//	ask tcp://postern:2375 GET /info
//	ask -every 50ms unix:///run/docker.sock GET /info
//	ask -every 50ms -keep unix:///run/docker.sock GET /info
//
// Each request has a connection of its own, or all share one with -keep. Without
// -every it is one request.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

func main() {
	every := flag.Duration("every", 0, "ask again and again, with this pause")
	keep := flag.Bool("keep", false, "keep the connection")
	flag.Parse()
	if flag.NArg() != 3 {
		fmt.Fprintln(os.Stderr, "usage: ask [-every 50ms] [-keep] tcp://HOST:PORT|unix:///PATH METHOD TARGET")
		os.Exit(2)
	}
	network, address, _ := strings.Cut(flag.Arg(0), "://")
	client := &http.Client{
		Timeout: 20 * time.Second,
		Transport: &http.Transport{
			DisableKeepAlives: !*keep,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, address)
			},
		},
	}
	for {
		fmt.Println(status(client, flag.Arg(1), flag.Arg(2)))
		if *every == 0 {
			return
		}
		time.Sleep(*every)
	}
}

func status(client *http.Client, method, target string) string {
	request, err := http.NewRequest(method, "http://docker"+target, nil)
	if err != nil {
		return err.Error()
	}
	response, err := client.Do(request)
	if err != nil {
		return err.Error()
	}
	io.Copy(io.Discard, response.Body)
	response.Body.Close()
	return fmt.Sprint(response.StatusCode)
}
