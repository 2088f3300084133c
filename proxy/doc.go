// Package proxy serves the Docker API to clients and forwards what a client's
// policy allows to the engine. It moves bytes: package acl decides, once per
// request, and nothing here looks at a path to decide.
//
// # The way of a request
//
//  1. server.go: net/http accepts the connection and parses the request. The
//     connection is described once, by [withConnection].
//  2. proxy.go: [Proxy.ServeHTTP] has the way on one screen, from here on.
//  3. record.go: a recorder takes the place of the ResponseWriter and notes what
//     happens, for the log, the metrics and LEARN.
//  4. identify.go: package client says which client sent the request, by its
//     listener, its address or its host name.
//  5. respond.go: [acl.Policy.Decide] decides, by the method and the path. A
//     request that it does not allow ends here, with 403 and the settings that
//     would allow it, or with 301 to a clean path.
//  6. An operation that may hijack its connection goes through package hijack.
//     Everything else goes through [net/http/httputil.ReverseProxy] and the
//     transport of package engine. Both write the request's target to the
//     engine's socket as it came in.
//  7. record.go: when the response has ended, the observers are told: the access
//     log (accesslog.go), package metrics and package learn.
//
// # Where to change what
//
//	a toggle, an operation        acl/toggles.go, acl/operations.go
//	a preset                      acl/preset
//	the text of a refusal         respond.go, acl/advise/remedy.go
//	the line of the access log    accesslog.go
//	a kind of listener            listen/address.go, listen/listen.go
//	a setting                     config/config.go
//	what root gives up            privilege
//	a command                     main.go, command
//
// Imports point one way: main, then the packages below proxy, then proxy, then
// acl. Package engine, client, hijack, listen and logging do not import proxy;
// command, learn and metrics do.
package proxy
