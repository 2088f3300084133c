// Package guard says what the content of a request asks for, and what of that a
// client may not have.
//
// It is for clients that may create containers, execs, networks, volumes or images.
// Without it such a client is root on the host: it mounts /, or it mounts the
// engine's socket out of another container. A guarded client gets an ordinary
// container, and besides that what its GUARD_ variables name.
//
// The world is closed. A table has a rule for every field and every parameter that an
// engine reads (tables.go, operations.go). What is in no table is refused by its
// name, unless its value asks for nothing: clients send zero values for all they know.
// A rule allows values, it does not forbid some.
//
// Each kind of field has one judge in a file of its own, whatever operation the field
// is in: mounts.go, namespaces.go, privileges.go, devices.go, networks.go, ports.go,
// images.go, logging.go, labels.go, limits.go. settings.go reads the variables, guard.go
// has the entry points.
//
// What only the engine knows, such as whose a volume is, comes in by [Lookup]. The
// caller judges twice: first without look-ups, so that a refused request causes none.
package guard
