package guard

import (
	"slices"
	"testing"

	"postern/acl/body"
)

// TestEveryFieldHasARule asserts that the tables of the guard have the fields that the
// bodies have, and no others. Package body compares its fields with moby's types.
func TestEveryFieldHasARule(t *testing.T) {
	t.Parallel()
	compareRules(t, "HostConfig", hostRules, body.HostConfig)
	compareRules(t, "Mounts", mountRules, body.Mount)
	compareRules(t, "endpoint", endpointRules, body.Endpoint)
	for id, schema := range body.ByOperation {
		compareRules(t, id, operations[id].fields, schema)
	}
}

func compareRules(t *testing.T, at string, table rules, schema *body.Type) {
	t.Helper()
	var fields []string
	for _, field := range schema.Fields() {
		fields = append(fields, field.Name)
		if table[field.Name] == nil {
			t.Errorf("%s.%s has no rule", at, field.Name)
		}
	}
	for name := range table {
		if !slices.Contains(fields, name) {
			t.Errorf("%s.%s has a rule and is no field", at, name)
		}
	}
}

// TestOlderFieldsAskForSomething asserts that a field that only older engines read, or
// that they read elsewhere, does not pass: engines up to 26.1 read a HostConfig beside
// Config, others what has left the API since.
func TestOlderFieldsAskForSomething(t *testing.T) {
	t.Parallel()
	var bodies []string
	for _, field := range body.HostConfig.Fields() {
		bodies = append(bodies, `{"`+field.Name+`":"x"}`)
	}
	for _, name := range []string{"Capabilities", "LxcConf", "PortSpecs", "Cpuset", "VolumesRW", "PublishService", "CopyVolume", "ExecIDs"} {
		bodies = append(bodies, `{"`+name+`":"x"}`, `{"HostConfig":{"`+name+`":"x"}}`)
	}
	for _, text := range bodies {
		o, unknown, err := body.Read([]byte(text), body.ContainerCreate, body.Drop)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if all := (&Guard{}).Judge(&Request{Operation: "ContainerCreate", Body: o, Unknown: unknown}, Lookup{}); len(all) != 1 {
			t.Errorf("%s: got %v, want one violation", text, all)
		}
	}
}

// TestRulesTakeAnyValue asserts that no rule panics on a value of another type than the
// body's schema has.
func TestRulesTakeAnyValue(t *testing.T) {
	t.Parallel()
	for _, table := range []rules{hostRules, configRules, mountRules, endpointRules, networkCreateRules, volumeCreateRules} {
		for name, rule := range table {
			for _, value := range []any{"host", true, body.Number("1"), []any{"x"}, []any{}, body.New(body.Endpoint)} {
				rule(&judge{Guard: &Guard{}}, name, value)
			}
		}
	}
}
