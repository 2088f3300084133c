// Package tls tests tls:// listeners: certificates, clients, streams and their ends.
package tls

import (
	"testing"

	"postern/tests/internal/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
