package proxy

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// healthAgent is the User-Agent of the health check.
const healthAgent = "postern-healthcheck"

// healthTimeout is shorter than the image's HEALTHCHECK --timeout, so that the
// check can still say what is wrong.
const healthTimeout = 4 * time.Second

// CheckHealth sends a /_ping through postern's own listener to the engine. dial
// connects to the listener. The error names it by address and says what the response
// was.
func CheckHealth(ctx context.Context, address string, dial func() (net.Conn, error)) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{
		DialContext:       func(context.Context, string, string) (net.Conn, error) { return dial() },
		DisableKeepAlives: true,
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://docker/_ping", nil)
	if err != nil {
		return err
	}
	request.Header.Set("User-Agent", healthAgent)
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("no answer on %s: %w", address, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 4096))
	if err != nil {
		return fmt.Errorf("the response on %s is not complete: %w", address, err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s on %s: %s", response.Status, address, bytes.TrimRight(body, "\n"))
	}
	return nil
}
