package guard

import (
	"regexp"
	"slices"
)

// logDrivers keep a container's output on the host. The others send it to an address,
// or write it, as root, to any socket of the host.
var logDrivers = []string{"", "json-file", "local", "none", "journald"}

// logOptions are the options of these drivers. Some of the others' open files of the
// host.
var logOptions = []string{"max-size", "max-file", "compress", "labels", "labels-regex", "env", "env-regex", "tag", "mode", "max-buffer-size", "cache-disabled", "cache-max-size", "cache-max-file", "cache-compress"}

// plainTag matches a tag such as {{.Name}}. The engine executes it as a template of Go's: a
// few loops in one another fill the memory of the host, in the engine itself.
var plainTag = regexp.MustCompile(`^([^{]|\{\{ *\.[A-Za-z]+ *\}\})*$`)

// logging judges HostConfig.LogConfig. The engine's default driver, without options,
// counts as none.
func logging(j *judge, field string, value any) {
	o := objectOf(value)
	j.object(o, field, rules{"Type": ok, "Config": ok})
	driver := o.String("Type")
	isDefault := driver == j.Engine.LoggingDriver && o.Object("Config").Len() == 0
	if !slices.Contains(logDrivers, driver) && !isDefault {
		j.never(field+".Type", driver, "--log-driver", "only json-file, local, journald and none are allowed")
		return
	}
	for name, option := range o.Object("Config").All() {
		if !isZero(option) && !slices.Contains(logOptions, name) {
			j.never(field+".Config", name, "--log-opt", "the guard has no rule for it")
		} else if name == "tag" && !plainTag.MatchString(show(option)) {
			j.never(field+".Config", "the tag "+show(option), "--log-opt", "only names such as {{.Name}} may stand in it")
		}
	}
}
