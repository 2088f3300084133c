// Command ryuk stands in for Testcontainers' program of that name, of which there need
// not be an image here. It takes labels from its clients, and when none has been
// connected for a second it removes what has them, through /var/run/docker.sock.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"
)

func main() {
	l, err := net.Listen("tcp", ":8080")
	if err != nil {
		fail(err)
	}
	fmt.Println("Started") // for which Testcontainers waits
	labels, connected := make(chan []string), make(chan int)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				fail(err)
			}
			connected <- 1
			go func() {
				serve(conn, labels)
				connected <- -1
			}()
		}
	}()
	var wanted []string
	var due <-chan time.Time
	clients := 0
	for {
		select {
		case wanted = <-labels:
		case n := <-connected:
			if clients, due = clients+n, nil; clients == 0 && len(wanted) > 0 {
				due = time.After(time.Second)
			}
		case <-due:
			reap(wanted)
			return
		}
	}
}

// serve reads lines such as label=a=b&label=c until the client is gone.
func serve(conn net.Conn, labels chan<- []string) {
	defer conn.Close()
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		query, err := url.ParseQuery(lines.Text())
		if err != nil {
			fail(err)
		}
		labels <- query["label"]
		fmt.Fprintln(conn, "ACK")
	}
}

func reap(labels []string) {
	filters, _ := json.Marshal(map[string][]string{"label": labels})
	query := "?filters=" + url.QueryEscape(string(filters))
	type object struct{ ID, Name string } // the engine writes Id
	var containers, networks, images []object
	var volumes struct{ Volumes []object }
	call("GET", "/containers/json"+query+"&all=1", &containers)
	call("GET", "/networks"+query, &networks)
	call("GET", "/volumes"+query, &volumes)
	call("GET", "/images/json"+query, &images)
	for _, o := range containers {
		call("DELETE", "/containers/"+o.ID+"?force=1&v=1", nil)
	}
	for _, o := range networks {
		call("DELETE", "/networks/"+o.ID, nil)
	}
	for _, o := range volumes.Volumes {
		call("DELETE", "/volumes/"+o.Name+"?force=1", nil)
	}
	for _, o := range images {
		call("DELETE", "/images/"+o.ID+"?force=1", nil)
	}
}

var client = http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "unix", "/var/run/docker.sock")
}}}

// call sends a request and reads the response, if that is wanted.
func call(method, path string, into any) {
	request, err := http.NewRequest(method, "http://docker"+path, nil)
	if err != nil {
		fail(err)
	}
	response, err := client.Do(request)
	if err != nil {
		fail(err)
	}
	defer response.Body.Close()
	if into != nil {
		err = json.NewDecoder(response.Body).Decode(into)
	}
	fmt.Println(method, path, response.Status, err)
}

func fail(err error) {
	fmt.Println(err)
	os.Exit(1)
}
