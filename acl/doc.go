// Package acl decides which requests may reach the Docker Engine.
//
// It is pure: no sockets, no clock, no logger, nothing but the standard
// library. A request goes through two steps.
//
// [Classify] names the operation that the engine's own router would run for a
// method and a path. It has to agree with that router on every input, because
// any difference is a way around the policy: the proxy would judge one
// operation and the engine would run another.
//
// [Policy.Decide] looks the operation up in a table of verdicts that
// [Compile] made from the toggles, ALLOW, DENY and PRESET. Nothing is computed
// per request.
//
// # Order of evaluation
//
// The first of these that decides wins:
//
//  1. an operation that DENY names is denied;
//  2. an operation that ALLOW names, or that a preset in PRESET holds, is
//     allowed;
//  3. a granular grant (ALLOW_START and its kin) that is on allows;
//  4. a section that is off denies; so does a second section that the
//     operation needs (EXEC for ContainerExec);
//  5. a granular refusal (ALLOW_LOGS and its kin) that is off denies;
//  6. a method other than GET and HEAD, or an operation that writes although
//     it is a GET, needs POST.
//
// What is left is allowed. A path in no section is denied before any of this.
//
// Docker's router looks at a path as it is decoded, Podman's at the path as it
// is written. [Policy.Judge] wants both readings allowed where they differ.
//
// # What a denial guarantees
//
// The zero values deny: a nil *Policy, a zero Request, a zero Verdict. A
// denied request causes no connection to the engine. What an allowed request
// does in the engine is beyond this package: it judges the operation, neither
// the query nor the body.
package acl
