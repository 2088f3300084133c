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

// logValues are the values of options that cost the engine itself memory, of which no limit
// of the container says anything. A tag is a template of Go's: a few loops in one another
// are enough. A buffer fills when a container prints faster than the driver writes.
var logValues = map[string]struct {
	is   *regexp.Regexp
	hint string
}{
	"tag":             {regexp.MustCompile(`^([^{]|\{\{ *\.[A-Za-z]+ *\}\})*$`), "only names such as {{.Name}} may stand in it"},
	"max-buffer-size": {regexp.MustCompile(`(?i)^([0-9]{1,2}m|[0-9]{1,5}k|[0-9]{1,8})b?$`), "the most is 99m"},
}

// logging judges HostConfig.LogConfig. The engine's default driver, without options,
// counts as none.
func logging(j *judge, field string, value any) {
	o := objectOf(value)
	j.object(o, field, rules{"Type": ok, "Config": ok})
	driver := o.String("Type")
	if j.target && driver == j.Engine.LoggingDriver {
		return // with the options that daemon.json gives it
	}
	isDefault := driver == j.Engine.LoggingDriver && o.Object("Config").Len() == 0
	if !slices.Contains(logDrivers, driver) && !isDefault {
		j.never(field+".Type", driver, "--log-driver", "only json-file, local, journald and none are allowed")
		return
	}
	for name, option := range o.Object("Config").All() {
		want, limited := logValues[name]
		switch {
		case isZero(option):
		case !slices.Contains(logOptions, name):
			j.never(field+".Config", name, "--log-opt", "the guard has no rule for it")
		case limited && !j.target && !want.is.MatchString(show(option)):
			j.never(field+".Config", name+" "+show(option), "--log-opt", want.hint)
		}
	}
}
