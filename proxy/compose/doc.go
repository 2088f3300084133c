// Package compose reads a compose file that has another proxy for the Docker
// socket, and writes the service with postern in its place, with what differs.
//
// [Check] does all of it, in this order:
//
//  1. read.go parses the file, expands anchors and merge keys, and finds the
//     services whose image is a known proxy's. interpolate.go evaluates ${VAR}.
//  2. images.go has a table of the proxies: their names, their variables, and what
//     becomes of each. rules.go says which operations such a proxy allows.
//  3. environment.go translates the variables, arguments.go the command line.
//     cover.go finds the settings that open a list of operations.
//  4. service.go translates the other keys of the service: health check, user,
//     capabilities, volumes.
//  5. differences.go compares what the old proxy and postern allow, operation by
//     operation.
//  6. write.go prints the differences as comments, and the services as YAML.
//
// It opens no file and talks to no engine.
package compose
