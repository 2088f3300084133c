package proxy

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// writeMessage answers in the shape of the engine's errors, which the docker
// command prints as "Error response from daemon: ...".
func writeMessage(w http.ResponseWriter, status int, message string) {
	body, err := json.Marshal(struct {
		Message string `json:"message"`
	}{"postern: " + message})
	if err != nil {
		panic(err) // unreachable: a string always marshals
	}
	body = append(body, '\n')
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	w.Write(body)
}
