// Package body reads the JSON bodies of requests so that the engine cannot read them
// otherwise.
//
// Engines from 20.10 to 29 decode bodies with Go's encoding/json, in several versions.
// It ignores the case of keys, with Unicode's folds ("Bindſ" is Binds). Of a key that
// is there twice the last value wins, but objects merge. It ignores what follows the
// object. A proxy that judges such a body and forwards it has judged another body
// than the engine runs.
//
// [Read] refuses what could be read in two ways and returns a tree, in which the keys
// are written as the engine writes them. The caller judges the tree, may change it,
// and forwards what [Object.Encode] returns. So an error in this package cannot make
// the engine see anything that was not judged.
//
// The files, in reading order: type.go (what a body may contain), schema.go (the
// bodies of the engine's operations), read.go, object.go (the tree), query.go (the
// same care for a request's query and headers).
package body
