// Package proxy serves the Docker API to clients and forwards what a client's
// policy allows to the engine. It moves bytes: package acl decides, once per
// request, and nothing here looks at a path to decide.
//
// # The way of a request
//
//  1. accept.go: an acceptor accepts the connection, or turns away an address that
//     ALLOW_FROM shuts out. On a tls:// listener handshake.go comes before that, and
//     handshakes.go logs who got no further. conn.go: a clientConn limits the
//     request's header while net/http parses it. server.go has the net/http server
//     and the shutdown.
//  2. proxy.go: [Proxy.ServeHTTP] has the steps from here on, on one screen.
//  3. record.go: a recorder takes the place of the ResponseWriter and notes what
//     happens, for the log, the metrics and LEARN.
//  4. identify.go: package client says which client sent the request, by its
//     listener, its certificate, its address or its host name.
//  5. respond.go: [acl.Policy.Decide] decides, by the method and the path. A
//     request that it does not allow ends here, with 403 and the settings that
//     would allow it, or with 301 to a clean path.
//     Package limits then holds an allowed request to the client's SCOPE, GUARD and
//     REDACT, if it has any: it may refuse the request, or forward another one.
//  6. An operation that may hijack its connection goes through package hijack,
//     see below. Every other one, GET /containers/json for example, goes through
//     [net/http/httputil.ReverseProxy] and the transport of package engine. Both
//     write the request's target to the engine's socket as it came in, or as package
//     limits made it.
//  7. record.go: when the response has ended, the observers are told: the access
//     log (accesslog.go), package metrics and package learn.
//
// sweep.go ends the requests of clients that have gone without net/http noticing.
//
// # The way of a hijack
//
// docker exec -it first sends POST /containers/{id}/exec, a request like any other.
// POST /exec/{id}/start then asks for Upgrade: tcp. Package hijack takes its
// connection from net/http, dials a new connection to the engine and sends the
// request on it (hijack/send.go). If the engine responds with 101, or with 200 and
// a raw stream, both directions are copied until both sides are gone
// (hijack/stream.go). Any other response is sent as HTTP (hijack/respond.go), and
// the connection returns to net/http through the resumedListener in server.go.
//
// # Where to change what
//
// The paths begin at this directory; acl/ and main.go are beside it.
//
//	a limit                       limits/limits.go, acl/scope, acl/guard, acl/redact
//	a section, a toggle           acl/section.go, acl/toggles.go
//	an operation, a preset        acl/operations.go, acl/preset/presets.tsv
//	the text of a refusal         respond.go, acl/advise/remedy.go
//	the line of the access log    accesslog.go, its fields; logging/console.go
//	the metrics, the status page  metrics/counters.go, metrics/page.go
//	the health check              health.go, identify.go
//	certificates                  certs/load.go, certs/order.go; client/cert.go
//	a kind of listener            listen/address.go, listen/listen.go, client/client.go
//	a setting                     config/config.go; command/start.go and main.go use it
//	what root gives up            privilege/drop_linux.go
//	what the process locks away   privilege/confine_linux.go, privilege/seccomp_linux.go
//	a command                     command/usage.go, main.go
//	what check knows of a proxy   compose/images.go, compose/variables.go, compose/rules.go
//
// Imports point one way: main imports command, learn and metrics. These import
// proxy, which imports certs, client, engine, hijack, limits, listen and logging. All
// of them may import acl.
package proxy
