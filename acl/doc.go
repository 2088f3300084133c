// Package acl decides which requests may reach the Docker Engine.
//
// It is pure: no sockets, no clock, no logger, nothing but the standard library.
// [Policy.Decide] is the one entry. A decision takes two steps.
//
// First, Decide classifies the request: it finds the operation that the engine's
// own router would run for the method and the path. It has to agree with that
// router on every input. Any difference is a way around the policy: the proxy
// would decide on one operation and the engine would run another.
//
// Second, it looks the operation up in a table that [Compile] made from the
// toggles, ALLOW, DENY and PRESET. A path in a section that matches no operation,
// as a newer engine's may, is looked up by its section and by whether the method
// writes.
//
// The first step is in classify.go and route.go, the second in rules.go (the
// order below) and policy.go. parse.go reads the settings. The tables are
// section.go, toggles.go, operations.go and operations_libpod.go.
//
// # Order of evaluation
//
// A path that the router would first clean is redirected to the clean path, and
// a path in no section is refused. For all others the first of these that applies
// decides, see [Rules.Evaluate]:
//
//  1. DENY names the operation: refused;
//  2. ALLOW names it: allowed;
//  3. a preset in PRESET holds it: allowed;
//  4. a grant on it is on (ALLOW_START and the like): allowed;
//  5. its section is off: refused;
//  6. a second section that it needs is off (EXEC for ContainerExec): refused;
//  7. a refusal of it is off (ALLOW_LOGS=0 and the like): refused;
//  8. POST is off, and the method is not GET or HEAD, or the operation is a GET
//     that does more than read: refused;
//  9. nothing of these: allowed, by its section.
//
// Before API 1.24 the start of a container takes a host configuration. Such a
// start also needs all that an unknown POST in its section needs.
//
// Where the decoded and the escaped path differ, both readings have to be allowed,
// see [Policy.Decide].
//
// LEARN=1 turns a refusal into an allowed request, unless DENY refuses or the
// path is in no section. The decision then has the rule [Learning].
//
// # What a refusal guarantees
//
// The zero values refuse: a nil *Policy, a zero Policy, a zero Decision. A
// refused request causes no connection to the engine. This package decides on
// the operation, not on the query or the body: it does not limit the effects of
// an allowed request in the engine.
//
// # Where to change something
//
//   - a section and its toggle: section.go, for Podman operations_libpod.go;
//   - another toggle: toggles.go, and the operations that it grants or refuses
//     in operations.go;
//   - an operation of a newer engine: operations.go, and if it is a GET, why that
//     is a read or not in testdata/reads.tsv;
//   - a preset: a line of acl/preset/presets.tsv;
//   - the remedy in a refusal: acl/advise/remedy.go; the dangers: danger.go there; what
//     LEARN proposes: shortest.go there.
//
// A toggle is also in the Dockerfile and in tables of the README; package
// tests/docs fails while they differ.
package acl
