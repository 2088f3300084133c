package acl_test

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	// The API reference ships inside this module.
	_ "github.com/moby/moby/api/types/system"
	"go.yaml.in/yaml/v3"

	"postern/acl"
)

// formerIDs are ids that older editions of the reference used.
var formerIDs = map[string]string{
	"ContainerArchiveHead": "ContainerArchiveInfo",
	"ContainerGetArchive":  "ContainerArchive",
	"ContainerPutArchive":  "PutContainerArchive",
}

// TestTableHasEveryReferenceOperation asserts that the table has every operation of
// Docker's API reference since version 1.25. It fails when the API grows.
func TestTableHasEveryReferenceOperation(t *testing.T) {
	t.Parallel()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/moby/moby/api").Output()
	if err != nil {
		t.Fatal(err)
	}
	root := strings.TrimSpace(string(dir))
	files, err := filepath.Glob(filepath.Join(root, "docs", "v1.*.yaml"))
	if err != nil || len(files) < 30 {
		t.Fatalf("found %d editions of the API reference in %s (%v), want more than 30", len(files), root, err)
	}
	for _, file := range append(files, filepath.Join(root, "swagger.yaml")) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			checkReference(t, file)
		})
	}
}

func checkReference(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var reference struct {
		BasePath string `yaml:"basePath"`
		Paths    map[string]map[string]struct {
			OperationID string `yaml:"operationId"`
			Parameters  []struct{ Name string }
		}
	}
	if err := yaml.Unmarshal(text, &reference); err != nil {
		t.Fatal(err)
	}
	parameter := regexp.MustCompile(`\{[^}]*\}`)
	operations := 0
	for path, methods := range reference.Paths {
		for method, operation := range methods {
			if operation.OperationID == "" {
				continue // parameters that the methods of a path share
			}
			operations++
			want := cmp.Or(formerIDs[operation.OperationID], operation.OperationID)
			target := reference.BasePath + parameter.ReplaceAllLiteralString(path, "x")
			got := decide(everything, strings.ToUpper(method)+" "+target)
			if got.OperationID() != want {
				t.Errorf("%s %s: the reference calls it %s, the table %q", strings.ToUpper(method), target, want, got.OperationID())
			}
			for _, p := range operation.Parameters {
				if (p.Name == "follow" || p.Name == "stream") && !got.Streams() {
					t.Errorf("%s takes %q, but the table does not say that it streams", want, p.Name)
				}
			}
		}
	}
	if operations < 80 {
		t.Errorf("the reference lists %d operations, want at least 80: is it read right?", operations)
	}
}

// TestHijackingOperationsStream asserts that an operation that hijacks its
// connection is marked as a stream.
func TestHijackingOperationsStream(t *testing.T) {
	t.Parallel()
	for _, op := range acl.Operations {
		if op.Hijacks && !op.Streams {
			t.Errorf("%s hijacks and does not stream", op.ID)
		}
	}
}
