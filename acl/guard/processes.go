package guard

import "regexp"

// plainPS matches options that leave the process's number in the column PID: flags, and
// columns of which the first is pid.
var plainPS = regexp.MustCompile(`^(-?[A-Za-z]*|-?[A-Za-z]*o pid(,[a-z_%]+)*)$`)

// IsPlainPS reports whether docker top may be asked with options for ps. The engine runs
// the host's ps, and takes for the container's what has one of its processes' numbers
// under the title PID, and rows with - after these. Who writes titles or moves columns
// sees every process of the host, and with e its environment.
func IsPlainPS(options string) bool { return plainPS.MatchString(options) }

// PlainPS says what IsPlainPS allows.
const PlainPS = "only flags such as -ef or aux, or -o pid,... are allowed: other options show processes of the host"

func processes(j *judge, field string, value any) {
	if !IsPlainPS(show(value)) {
		j.never(field, show(value), "docker top", PlainPS)
	}
}
