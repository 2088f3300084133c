//go:build real

package programs

import (
	"crypto/sha256"
	"fmt"
	"strings"

	"postern/tests/internal/harness"
)

var dockerTests = []dockerTest{
	{name: "version", args: harness.Words("version"), needs: "VERSION", shows: "Server:"},
	{name: "ps", args: harness.Words("ps -a --no-trunc --filter name={box}"), needs: "CONTAINERS", shows: "{box}", varies: age},
	{name: "images", args: harness.Words("images {image}"), needs: "IMAGES", shows: "latest", varies: age},
	{name: "info", args: harness.Words("info"), needs: "INFO", shows: "Server Version:",
		varies: `(Containers|Running|Paused|Stopped|Images): \d+|Runtimes: .*`},
	{name: "inspect", args: harness.Words("inspect {box}"), needs: "CONTAINERS", shows: `"Hostname": "box"`,
		varies: `"ExecIDs": (null|\[[^\]]*\])`}, // which come and go with the tests of exec
	{name: "inspect of nothing", args: harness.Words("container inspect {new}"), needs: "CONTAINERS", status: 1},
	{name: "logs", args: harness.Words("logs --timestamps {box}"), needs: "CONTAINERS", shows: " one\n"},
	{name: "logs tail", args: harness.Words("logs --tail 1 {box}"), needs: "CONTAINERS"},
	{name: "stats", args: harness.Words("stats --no-stream --no-trunc {box}"), needs: "CONTAINERS", shows: "{box}",
		varies: `[0-9.]+(%|[kMG]?i?B)|\s\s+`},
	{name: "top", args: harness.Words("top {new} -o pid,args"), needs: "CONTAINERS", shows: "sleep 1000", varies: `[1-9]\d* +`,
		before: [][]string{harness.Words("run -d --name {new} {image} sleep 1000")}},
	{name: "diff", args: harness.Words("diff {box}"), needs: "CONTAINERS", shows: "A /data/text\n", unordered: true},

	{name: "run", args: harness.Words("run --rm --name {new} {image} sh -c", "echo out; echo err >&2; exit 3"),
		needs: "CONTAINERS POST", status: 3, shows: "out\n"},
	{name: "run in the background", args: harness.Words("run -d --name {new} {image} echo hi"),
		needs: "CONTAINERS POST", after: [][]string{harness.Words("wait {new}"), harness.Words("logs {new}")}, shows: "0\nhi\n", varies: long},
	{name: "run with input", args: harness.Words("run --rm -i --name {new} {image} cat"),
		needs: "CONTAINERS POST", stdin: "hi\n", shows: "hi\n"},
	{name: "run with no input", args: harness.Words("run --rm -i --name {new} {image} sh -c", "cat; echo end"),
		needs: "CONTAINERS POST", shows: "end\n"},
	{name: "run with much input", args: harness.Words("run --rm -i --name {new} {image} cat"),
		needs: "CONTAINERS POST", stdin: megabytes, shows: "xyz\n"},
	{name: "run with output at the end of input", args: harness.Words("run --rm -i --name {new} {image} sha256sum"),
		needs: "CONTAINERS POST", stdin: allBytes, shows: fmt.Sprintf("%x", sha256.Sum256([]byte(allBytes)))},

	{name: "exec", args: harness.Words("exec {box} sh -c", "echo out; echo err >&2; exit 4"),
		needs: "CONTAINERS EXEC POST", status: 4, shows: "out\n"},
	{name: "exec with input", args: harness.Words("exec -i {box} cat"), needs: "CONTAINERS EXEC POST", stdin: allBytes, shows: "ABC"},
	{name: "exec with output at the end of input", args: harness.Words("exec -i {box} wc -c"),
		needs: "CONTAINERS EXEC POST", stdin: megabytes, shows: fmt.Sprintln(len(megabytes))},
	{name: "exec on a terminal", args: harness.Words("exec -t {box} sh -c", "tty; echo two"),
		needs: "CONTAINERS EXEC POST", shows: "two\r\n", varies: `/dev/pts/\d+`},
	{name: "exec in the background", args: harness.Words("exec -d {box} true"), needs: "CONTAINERS EXEC POST"},

	{name: "cp of a file out", args: harness.Words("cp {box}:/data/text {out}/text"), needs: "CONTAINERS ALLOW_ARCHIVE"},
	{name: "cp of a directory out", args: harness.Words("cp {box}:/data {out}/data"), needs: "CONTAINERS ALLOW_ARCHIVE"},
	{name: "cp to stdout", args: harness.Words("cp {box}:/data -"), needs: "CONTAINERS ALLOW_ARCHIVE", shows: "99999\n100000\n"},
	{name: "cp in", args: harness.Words("cp {in}/bytes {new}:/tmp/in"), needs: "CONTAINERS POST",
		before: [][]string{harness.Words("create --name {new} {image}")}, after: [][]string{harness.Words("cp {new}:/tmp/in -")}},

	{name: "save", args: harness.Words("save -o {out}/saved {image}"), needs: "IMAGES"},
	{name: "load", args: harness.Words("load -i {tmp}/image"), needs: "IMAGES POST", shows: "{new}",
		before: [][]string{harness.Words("tag {image} {new}"), harness.Words("save -o {tmp}/image {new}"), harness.Words("rmi {new}")},
		after:  [][]string{harness.Words("image inspect --format {{.ID}} {new}")}},
	{name: "import", args: harness.Words("import - {new}"), stdin: strings.Repeat("\x00", 10240), needs: "IMAGES POST", varies: long,
		after: [][]string{harness.Words("image inspect --format {{.Os}} {new}")}, shows: "linux\n"},
	{name: "build", args: harness.Words("build --no-cache -t {new} {in}/context"), needs: "BUILD POST", shows: "Successfully tagged",
		varies: `[0-9a-f]{12}`, after: [][]string{harness.Words("run --rm {new} cat /in /made")}},
	{name: "build that fails", args: harness.Words("build --no-cache --force-rm -t {new} {in}/failing"), needs: "BUILD POST",
		status: 5, shows: "building\n", varies: `[0-9a-f]{12}`},
	{name: "commit", args: harness.Words("commit --pause=false -m made {box} {new}"), needs: "COMMIT POST", varies: long, shows: "made",
		after: [][]string{harness.Words("image inspect --format {{.Comment}} {new}"), harness.Words("run --rm {new} sha256sum /data/text")}},

	{name: "network create", args: harness.Words("network create --label a=b {new}"), needs: "NETWORKS POST", varies: long,
		after: [][]string{harness.Words("network inspect --format {{.Labels}} {new}")}, shows: "map[a:b]"},
	{name: "network rm", args: harness.Words("network rm {new}"), needs: "NETWORKS POST", shows: "{new}",
		before: [][]string{harness.Words("network create {new}")}, after: [][]string{harness.Words("network ls -q --filter name={new}")}},
	{name: "volume create", args: harness.Words("volume create --label a=b {new}"), needs: "VOLUMES POST", shows: "{new}",
		after: [][]string{harness.Words("volume inspect --format {{.Labels}} {new}")}},
	{name: "volume rm", args: harness.Words("volume rm {new}"), needs: "VOLUMES POST", shows: "{new}",
		before: [][]string{harness.Words("volume create {new}")}, after: [][]string{harness.Words("volume ls -q --filter name={new}")}},
}
