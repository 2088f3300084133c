//go:build !real

package harness

// sweepReal does nothing in tests that never talk to a real engine.
func sweepReal(func(name string) bool) {}
