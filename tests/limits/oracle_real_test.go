//go:build real

package limits

import (
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// TestAnswersWithoutTheHidden asserts that what a client reads is the same while hidden
// objects exist and after they are gone. The hidden ones have names, aliases and ids that
// begin like the client's own, and use its networks and volumes.
func TestAnswersWithoutTheHidden(t *testing.T) {
	t.Parallel()
	client, image, own, other := newName("ann"), harness.Busybox(t), harness.Unused(t), harness.Unused(t)
	maker := through(t, []string{client}, "SCOPE=mine")[client]
	label := own + "=1"
	// Containers go first: the last one here is removed first.
	for _, name := range []string{other + "-net", other + "-vol", own + "-net", own + "-idle", own + "-vol", own + "-free", own + "-db", own + "-new", own + "-done", own + "-web", own + "-we", own + "-webx"} {
		t.Cleanup(func() { harness.RemoveAll(name) })
	}
	var ids []string
	for _, line := range []string{
		"network create --label %l %o-net", "network create --label %l %o-idle", "volume create --label %l %o-vol", "volume create --label %l %o-free",
		"run -d --name %o-web --label %l --network %o-net --network-alias alias -v %o-vol:/v %i sleep 1000", "run -d --name %o-db --label %l %i sleep 1000",
		"create --name %o-new --label %l -v %o-vol:/v %i true", "run -d --name %o-done --label %l %i sh", "pause %o-db", "wait %o-done",
	} {
		out := must(t, maker, strings.NewReplacer("%l", label, "%o", own, "%i", image).Replace(line))
		if words := strings.Fields(line); words[0] != "volume" && words[0] != "pause" && words[0] != "wait" {
			ids = append(ids, out)
		}
	}
	var hidden []string
	for _, line := range []string{
		"run -d --name %o-we --network %o-net --network-alias alias -v %o-vol:/v -v %o-free:/f %i sleep 1000", "run -d --name %o-webx --network %o-idle %i sleep 1000",
		"run -d --name %h --link %o-db:alias %i sleep 1000", "network create %h-net", "volume create %h-vol", "run -d --name %s --network %h-net -v %h-vol:/v %i sh",
	} {
		line = strings.NewReplacer("%o", own, "%h", other, "%i", image, "%s", ids[2][:12]).Replace(line)
		hidden = append(hidden, strings.TrimSpace(harness.MustDocker(t, strings.Fields(line)...)))
	}
	names := append([]string{own + "-web", own + "-we", own + "-webx", own + "-net", own + "-idle", own + "-vol", other, other + "-net", other + "-vol", other + "/alias", "bridge"}, ids...)
	for _, id := range slices.Concat(ids, hidden) {
		names = append(names, id[:1], id[:2], id[:12])
	}
	targets := []string{"/containers/json", "/containers/json?all=1", "/containers/json?limit=2", "/networks", "/volumes", "/info"}
	filtered := func(path, key, value string) string {
		text, err := json.Marshal(map[string][]string{key: {value}})
		if err != nil {
			t.Fatal(err)
		}
		return path + "filters=" + url.QueryEscape(string(text))
	}
	for _, name := range names {
		for _, key := range []string{"name", "id", "before", "since", "network", "volume"} {
			targets = append(targets, filtered("/containers/json?all=1&", key, name), filtered("/containers/json?limit=1&", key, name))
		}
		targets = append(targets, filtered("/networks?", "name", name), filtered("/networks?", "id", name), filtered("/volumes?", "name", name))
		escaped := url.PathEscape(name)
		targets = append(targets, "/containers/"+escaped+"/json", "/containers/"+escaped+"/top", "/networks/"+escaped, "/networks/"+escaped+"?verbose=1", "/volumes/"+escaped)
	}
	for _, key := range []string{"status=running", "status=exited", "status=paused", "exited=0", "label=" + label, "health=none", "ancestor=" + image} {
		key, value, _ := strings.Cut(key, "=")
		targets = append(targets, filtered("/containers/json?all=1&", key, value), filtered("/containers/json?limit=1&", key, value))
	}
	for _, value := range []string{"true", "false"} {
		targets = append(targets, filtered("/networks?", "dangling", value), filtered("/volumes?", "dangling", value))
	}
	readers := map[string]harness.Endpoint{}
	for _, scope := range []string{"mine", "label=" + label, "name=" + own + "-web," + own + "-d*", "mine,name=" + own + "-web"} {
		readers[scope] = through(t, []string{client}, "SCOPE="+scope)[client]
	}
	read := func() map[string]any {
		answers := map[string]any{}
		for scope, e := range readers {
			for _, version := range []string{"", "/v1.20", "/v1.24"} {
				r := ask(t, e, "DELETE", version+"/volumes/"+own+"-vol", "", "") // which is in use
				answers[fmt.Sprintf("SCOPE=%s DELETE %s/volumes/%s-vol", scope, version, own)] = []any{r.Status, strings.Count(r.Body, ", "), strings.Contains(r.Body, "hidden")}
				for _, target := range targets {
					if version != "" && strings.Contains(target, "filters") {
						continue
					}
					r := ask(t, e, "GET", version+target, "", "")
					r.Header.Del("Content-Length") // of the time since the start
					answers[fmt.Sprintf("SCOPE=%s GET %s%s", scope, version, target)] = []any{r.Status, r.Header, steady(r.Body)}
				}
			}
		}
		return answers
	}
	with := read()
	for _, id := range hidden {
		harness.RemoveAll(id)
	}
	for request, without := range read() {
		if got := with[request]; !reflect.DeepEqual(got, without) {
			t.Errorf("%s\nwith hidden objects: %v\nwithout them: %v", request, got, without)
		}
	}
}

// steady is an answer without what changes by itself, and without the order that engine
// 20.10 leaves to chance.
func steady(text string) any {
	var value any
	if json.Unmarshal([]byte(text), &value) != nil {
		return text
	}
	var clean func(any)
	clean = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, key := range []string{"Status", "SystemTime", "Images"} {
				if _, isText := v[key].(map[string]any); !isText {
					delete(v, key)
				}
			}
			for _, inner := range v {
				clean(inner)
			}
		case []any:
			for _, inner := range v {
				clean(inner)
			}
			slices.SortFunc(v, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		}
	}
	clean(value)
	return value
}
