package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// Emit has action happen to the named container, as far as clients of /events
// can tell: its state stays. It panics if there is no such container.
func (e *Engine) Emit(action, name string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range e.containers {
		if c.name == name {
			e.emit(action, c)
			return
		}
	}
	panic(fmt.Sprintf("stand-in engine: no such container: %q", name))
}

// emit sends an event to every subscriber. One that is a thousand events
// behind misses this one, as with the engine. The caller holds e.mu.
func (e *Engine) emit(action string, c *container) {
	now := time.Now()
	line, _ := json.Marshal(object{
		"status":   action,
		"id":       c.id,
		"from":     c.image,
		"Type":     "container",
		"Action":   action,
		"Actor":    object{"ID": c.id, "Attributes": object{"image": c.image, "name": c.name}},
		"scope":    "local",
		"time":     now.Unix(),
		"timeNano": now.UnixNano(),
	})
	line = append(line, '\n')
	for s := range e.subscribers {
		select {
		case s <- line:
		default:
		}
	}
}

// events follows what happens from now on until the client goes; since, until
// and filters are ignored. A client that has read the header misses no event.
func (e *Engine) events(w http.ResponseWriter, r *http.Request) {
	happened := make(chan []byte, 1000)
	e.mu.Lock()
	e.subscribers[happened] = struct{}{}
	e.mu.Unlock()
	defer func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.subscribers, happened)
	}()
	out := stream(w, "application/json")
	for {
		select {
		case line := <-happened:
			if _, err := out.Write(line); err != nil {
				return
			}
		case <-r.Context().Done():
			return
		}
	}
}

// flusher sends on every write at once.
type flusher struct {
	http.ResponseWriter
	*http.ResponseController
}

func (f flusher) Write(p []byte) (int, error) {
	n, err := f.ResponseWriter.Write(p)
	if err == nil {
		err = f.Flush()
	}
	return n, err
}

// stream sends the header, as the engine does before it has anything to say.
func stream(w http.ResponseWriter, contentType string) io.Writer {
	w.Header().Set("Content-Type", contentType)
	f := flusher{w, http.NewResponseController(w)}
	f.Flush()
	return f
}

func (e *Engine) logs(w http.ResponseWriter, r *http.Request, c *container) {
	past := 3
	if n, err := strconv.Atoi(r.URL.Query().Get("tail")); err == nil {
		past = min(past, n)
	}
	e.writeLog(r.Context(), stream(w, contentType(c.tty)), c, past, isTrue(r, "follow"))
}

// writeLog writes the last lines of c's output, every third to stderr, and
// then one a tick for as long as c runs and out takes them.
func (e *Engine) writeLog(ctx context.Context, out io.Writer, c *container, past int, follow bool) {
	for n := 1; ; n++ {
		if n > past && (!follow || !e.wait(ctx) || e.state(c) == "exited") {
			return
		}
		to := frames{out, stdout, c.tty}
		if n%3 == 0 {
			to.stream = stderr
		}
		end := "\n"
		if c.tty {
			end = "\r\n"
		}
		if _, err := fmt.Fprintf(to, "%s: line %d%s", c.name, n, end); err != nil {
			return
		}
	}
}

// stats writes a sample at once and, unless stream=0, one a tick from then on.
func (e *Engine) stats(w http.ResponseWriter, r *http.Request, c *container) {
	samples := json.NewEncoder(stream(w, "application/json"))
	once := r.URL.Query().Has("stream") && !isTrue(r, "stream")
	for n := 1; ; n++ {
		err := samples.Encode(object{
			"id":           c.id,
			"name":         "/" + c.name,
			"read":         time.Now().UTC().Format(time.RFC3339Nano),
			"preread":      time.Now().Add(-time.Second).UTC().Format(time.RFC3339Nano),
			"pids_stats":   object{"current": 4},
			"cpu_stats":    cpu(n),
			"precpu_stats": cpu(n - 1),
			"memory_stats": object{"usage": 12 << 20, "limit": int64(4 << 30), "stats": object{"inactive_file": 1 << 20}},
			"networks":     object{"eth0": object{"rx_bytes": 1000 * n, "tx_bytes": 2000 * n}},
			"blkio_stats":  object{},
		})
		if err != nil || once || !e.wait(r.Context()) {
			return
		}
	}
}

// cpu is the reading after n seconds of one percent of two processors.
func cpu(n int) object {
	return object{
		"cpu_usage":        object{"total_usage": 10_000_000 * n},
		"system_cpu_usage": 2_000_000_000 * n,
		"online_cpus":      2,
	}
}

// build reads the context and then reports one step a tick.
func (e *Engine) build(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		writeError(w, http.StatusBadRequest, "reading the build context: %v", err)
		return
	}
	id := fakeID("build")
	progress := json.NewEncoder(stream(w, "application/json"))
	for i, line := range []object{
		{"stream": "Step 1/2 : FROM scratch\n"},
		{"stream": " ---> \n"},
		{"stream": "Step 2/2 : COPY . /\n"},
		{"stream": " ---> " + id[:12] + "\n"},
		{"aux": object{"ID": "sha256:" + id}},
		{"stream": "Successfully built " + id[:12] + "\n"},
	} {
		if i > 0 && !e.wait(r.Context()) {
			return
		}
		if err := progress.Encode(line); err != nil {
			return
		}
	}
}
