// Package redact takes the values of environment variables and the command lines
// out of the engine's responses, for REDACT.
//
// It is pure: bytes in, bytes out, nothing but the standard library. fields.go says
// which field of which response holds what; settings.go reads REDACT and
// REDACT_KEEP; filter.go is a JSON reader that copies a response and replaces these
// fields on the way. rule.go says what a text is replaced by.
//
// # What a filter guarantees
//
// What it writes is JSON for as long as it reports no error, and a response that is
// not JSON, or in which a field is not of the type that the API reference gives it,
// ends with an error. All other bytes are copied as they are: numbers of any size,
// unknown fields, the order of the keys, white space.
//
// Keys match in any case and however they are escaped, as Go's decoder reads them,
// and each of several equal keys counts.
package redact
