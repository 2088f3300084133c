package command

import "runtime/debug"

// NoVersion is the version of a program that nothing gave a version.
const NoVersion = "dev"

// Version is the version that the build stamped. If that is [NoVersion] it is what
// go build found out: the module's version, or else the commit, with +dirty behind it
// where files were changed.
func Version(stamped string) string {
	info, ok := debug.ReadBuildInfo()
	if stamped != NoVersion || !ok {
		return stamped
	}
	return buildVersion(info)
}

func buildVersion(info *debug.BuildInfo) string {
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	version := NoVersion
	dirty := ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			version = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "+dirty"
		}
	}
	return version + dirty
}
