package body_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/api/types/volume"

	"postern/acl/body"
)

// TestSchemaHasEveryField asserts that each field of moby's types is in the schema,
// with the same shape.
func TestSchemaHasEveryField(t *testing.T) {
	t.Parallel()
	for id, moby := range map[string]reflect.Type{
		"ContainerCreate":   reflect.TypeFor[container.CreateRequest](),
		"ContainerUpdate":   reflect.TypeFor[container.UpdateConfig](),
		"ContainerExec":     reflect.TypeFor[container.ExecCreateRequest](),
		"ExecStart":         reflect.TypeFor[container.ExecStartRequest](),
		"ImageCommit":       reflect.TypeFor[container.Config](),
		"NetworkCreate":     reflect.TypeFor[network.CreateRequest](),
		"NetworkConnect":    reflect.TypeFor[network.ConnectRequest](),
		"NetworkDisconnect": reflect.TypeFor[network.DisconnectRequest](),
		"VolumeCreate":      reflect.TypeFor[volume.CreateRequest](),
	} {
		compare(t, id, body.ByOperation[id], moby)
	}
}

// compare reports the fields of a moby type that a schema lacks.
func compare(t *testing.T, at string, schema *body.Type, moby reflect.Type) {
	t.Helper()
	for moby.Kind() == reflect.Pointer {
		moby = moby.Elem()
	}
	if schema == body.Any {
		return
	}
	want := "" // what the schema has to be
	switch kind := moby.Kind(); {
	case reflect.PointerTo(moby).Implements(textUnmarshaler), kind == reflect.String:
		want = "string"
	case kind == reflect.Bool:
		want = "bool"
	case kind >= reflect.Int && kind <= reflect.Uint64:
		want = "int"
	case kind == reflect.Slice, kind == reflect.Array:
		want = "list"
	case kind == reflect.Map:
		want = "map"
	case kind == reflect.Struct:
		want = "struct"
	}
	if got := shape(schema); got != want {
		t.Errorf("%s is a %s in the schema and a %s (%v) in moby", at, got, want, moby)
		return
	}
	switch want {
	case "list", "map":
		compare(t, at+"[]", schema.Elem(), moby.Elem())
	case "struct":
		for field := range moby.Fields() {
			if field.Anonymous {
				compareFields(t, at, schema, field.Type)
				continue
			}
			compareField(t, at, schema, field)
		}
	}
}

func compareFields(t *testing.T, at string, schema *body.Type, moby reflect.Type) {
	t.Helper()
	if moby.Kind() == reflect.Pointer {
		moby = moby.Elem()
	}
	for field := range moby.Fields() {
		compareField(t, at, schema, field)
	}
}

func compareField(t *testing.T, at string, schema *body.Type, moby reflect.StructField) {
	t.Helper()
	name, _, _ := strings.Cut(moby.Tag.Get("json"), ",")
	if name == "" {
		name = moby.Name
	}
	for _, field := range schema.Fields() {
		if field.Name == name {
			compare(t, at+"."+name, field.Type, moby.Type)
			return
		}
	}
	t.Errorf("%s.%s is not in the schema", at, name)
}

var textUnmarshaler = reflect.TypeFor[interface{ UnmarshalText([]byte) error }]()

func shape(t *body.Type) string {
	switch {
	case t == body.String:
		return "string"
	case t == body.Bool:
		return "bool"
	case t == body.Int:
		return "int"
	case t.IsList():
		return "list"
	case t.IsMap():
		return "map"
	}
	return "struct"
}
