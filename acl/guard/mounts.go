package guard

import (
	"slices"
	"strings"

	"postern/acl/body"
	"postern/acl/pattern"
	"postern/acl/scope"
)

// volumeItem is a pattern for volumes' names that GUARD_VOLUME lists.
type volumeItem struct {
	pattern  string
	readOnly bool
}

func (s *Settings) parseVolumes(l list) error {
	return l.each(func(item string) bool {
		name, mode := item, "rw"
		if i := strings.LastIndexByte(item, ':'); i >= 0 {
			name, mode = item[:i], item[i+1:]
		}
		if mode != "ro" && mode != "rw" {
			return false
		}
		if strings.HasPrefix(name, "/") {
			p, err := cleanPath(name)
			s.paths = append(s.paths, pathItem{p, mode})
			return err == nil && !strings.ContainsAny(p, ":*") && !strings.Contains(p, " /") && !strings.Contains(p, ";/")
		}
		s.volumes = append(s.volumes, volumeItem{name, mode == "ro"})
		return isName(name, "*")
	}, "/host/path[:ro] without .. and *, or volume-name[:ro] in which * is any run of characters; a comma stands between two")
}

// ListsVolume reports whether GUARD_VOLUME has a volume, and whether it may be mounted
// writable.
func (s *Settings) ListsVolume(name string) (listed, writable bool) {
	for _, item := range s.volumes {
		if pattern.Match(item.pattern, name) {
			listed, writable = true, writable || !item.readOnly
		}
	}
	return listed, writable
}

const noPlugin = "make the volume outside, and list its name in GUARD_VOLUME"

// binds judges HostConfig.Binds: source:target[:mode], name:target[:mode], or a target
// alone, which makes an anonymous volume.
var binds = texts(func(j *judge, field, spec string) {
	parts := strings.Split(spec, ":")
	mode := ""
	switch len(parts) {
	case 1:
		return
	case 2:
	case 3:
		mode = parts[2]
	default:
		j.never(field, spec, "-v", "it has too many colons")
		return
	}
	readOnly, relabel := false, false
	for word := range strings.SplitSeq(mode, ",") {
		switch word {
		case "", "rw", "nocopy", "consistent", "cached", "delegated", "default", "private", "rprivate":
		case "ro":
			readOnly = true
		case "z", "Z":
			relabel = true
		default:
			j.never(field, "mode "+word+" of "+parts[0], "-v", "only ro, rw, z, Z, nocopy, private and rprivate are allowed")
		}
	}
	if strings.HasPrefix(parts[0], "/") {
		j.hostPath(field, parts[0], "-v", readOnly, relabel)
		return
	}
	j.volume(field, parts[0], "-v", readOnly)
})

// mounts judges HostConfig.Mounts.
var mounts = each(func(j *judge, field string, value any) {
	m, isObject := value.(*body.Object)
	if !isObject {
		j.never(field, show(value), "--mount", "")
		return
	}
	j.object(m, field, mountRules)
	source, readOnly := m.String("Source"), m.Bool("ReadOnly")
	switch kind := m.String("Type"); kind {
	case "bind":
		// Since engine 25 the mounts below can stay writable.
		j.hostPath(field, source, "--mount", readOnly && !m.Bool("BindOptions", "ReadOnlyNonRecursive"), false)
	case "volume":
		if source != "" {
			j.volume(field, source, "--mount", readOnly)
		}
	case "tmpfs", "image":
		if kind == "image" && !strings.HasPrefix(source, "/") {
			image(j, field, source)
		} else if source != "" { // Podman would make a directory of the host
			j.never(field, source, "--mount", "only bind has a path of the host")
		}
	default:
		j.never(field, "type "+kind, "--mount", "only bind, volume, tmpfs and image are allowed")
	}
})

// tmpfsOptions only size a tmpfs or restrict it. The engine hands all options to the
// runtime, and two others reach the host. With bind the runtime mounts a path of the host.
// With remount on /sys/ it makes the host's /sys writable; the engine checks for /sys
// without the slash.
var tmpfsOptions = strings.Fields(`
	defaults rw ro exec noexec suid nosuid dev nodev sync async dirsync atime noatime diratime nodiratime relatime norelatime
	strictatime nostrictatime private rprivate tmpcopyup notmpcopyup size mode uid gid nr_inodes nr_blocks mpol
`)

// tmpfs judges HostConfig.Tmpfs: path to options.
func tmpfs(j *judge, field string, value any) {
	for path, options := range objectOf(value).All() {
		if strings.Contains(path, ":") {
			j.never(field, path, "--tmpfs", "it is no path: Podman would read options after the colon")
		}
		for word := range strings.SplitSeq(show(options), ",") {
			if name, _, _ := strings.Cut(word, "="); word != "" && !slices.Contains(tmpfsOptions, name) {
				j.never(field, "the option "+word, "--tmpfs", "")
			}
		}
	}
}

// mountRules are the fields of one of HostConfig.Mounts. The judge above looks at Type
// and Source.
var mountRules = rules{
	"Type":        ok,
	"Source":      mountWord,
	"Target":      mountWord,
	"ReadOnly":    ok,
	"Consistency": mountWord,
	"BindOptions": in(rules{
		"Propagation":            oneOf("--mount", "only private and rprivate are allowed", "private", "rprivate"),
		"NonRecursive":           ok,
		"CreateMountpoint":       ok, // as Binds always does
		"ReadOnlyNonRecursive":   ok,
		"ReadOnlyForceRecursive": ok,
	}),
	"VolumeOptions": in(rules{
		"NoCopy":       ok,
		"Labels":       labels("--mount"),
		"Subpath":      mountWord,
		"DriverConfig": in(rules{"Name": oneOf("--mount", noPlugin, "local"), "Options": zero("--mount", noPlugin)}),
	}),
	"ImageOptions":   in(rules{"Subpath": mountWord}),
	"TmpfsOptions":   in(rules{"SizeBytes": ok, "Mode": ok, "Options": ok}),
	"ClusterOptions": zero("--mount", ""),
}

// hostPath judges a bind mount.
func (j *judge) hostPath(field, source, flag string, readOnly, relabel bool) {
	p, err := cleanPath(source)
	if err != nil {
		j.never(field, source, flag, err.Error())
		return
	}
	ownSocket := j.Self.isOwnSocket(p)
	if j.Self.overlaps(p) && !ownSocket {
		j.own(field, source, flag)
		return
	}
	item, listed := longest(j.paths, p)
	switch {
	case !listed || ownSocket && item.path != p:
		if readOnly {
			p += ":ro"
		}
		j.wants(field, source, flag, "GUARD_VOLUME", p)
	case item.mode == "ro" && !readOnly:
		j.refuse(Violation{Field: field, Asks: printable(source) + " writable", Flag: flag, Hint: "mount it read-only, or list " + item.path + " without :ro in " + j.Prefix + "GUARD_VOLUME"})
	case item.mode == "ro" && relabel:
		j.never(field, source+" with a new SELinux label", flag, "a read-only path keeps its label")
	}
}

// volume judges the mount of a named volume.
func (j *judge) volume(field, name, flag string, readOnly bool) {
	switch {
	case !isName(name, ""):
		j.never(field, name, flag, "it is neither an absolute path nor the name of a volume")
		return
	case slices.Contains(j.Self.Volumes, name):
		j.own(field, name, flag)
		return
	case j.OwnVolume == nil || j.OwnVolume(name):
		return
	}
	switch listed, writable := j.ListsVolume(name); {
	case !listed:
		if readOnly {
			name += ":ro"
		}
		j.wants(field, "the volume "+name+", which is not the client's own", flag, "GUARD_VOLUME", name)
	case !writable && !readOnly:
		j.refuse(Violation{Field: field, Asks: "the volume " + name + " writable", Flag: flag, Hint: "mount it read-only, or list it without :ro in " + j.Prefix + "GUARD_VOLUME"})
	}
}

// volumesFrom judges HostConfig.VolumesFrom: container[:mode]. What the container has
// mounted is judged with the container.
var volumesFrom = texts(func(j *judge, field, spec string) {
	name, _, _ := strings.Cut(spec, ":")
	j.container(field, name, "--volumes-from")
})

// container judges a reference to another container.
func (j *judge) container(field, name, flag string) {
	if j.Container == nil {
		return
	}
	for _, v := range j.Container(name) {
		j.never(field, "container "+name+", whose "+v.Field+" has "+v.Asks, flag, "a client may join only what it might have made itself")
	}
}

// Mounted is a mount that an existing container has, as inspect shows it.
type Mounted struct {
	Type, Name, Source, Driver, Propagation string
	RW                                      bool
}

// mounted judges what a container has mounted, wherever it has it from.
func (j *judge) mounted(m Mounted) {
	const field = "Mounts"
	switch m.Type {
	case "bind":
		j.hostPath(field, m.Source, "-v", !m.RW, false)
		oneOf("-v", "", "", "private", "rprivate")(j, field, m.Propagation)
	case "volume":
		j.volume(field, m.Name, "-v", !m.RW)
	case "tmpfs", "image":
	default:
		j.never(field, "type "+m.Type, "--mount", "")
	}
}

// volumeCreateRules are the fields of docker volume create.
var volumeCreateRules = rules{
	"Name":              newName,
	"Driver":            oneOf("--driver", noPlugin, "local"),
	"DriverOpts":        zero("--opt", noPlugin),
	"Labels":            labels("--label"),
	"ClusterVolumeSpec": zero("", ""),
}

// newName judges the name of something that is made.
func newName(j *judge, field string, value any) {
	if name := show(value); scope.IsHex(name) {
		j.never(field, name, "", "a name of 12 to 64 hexadecimal digits is read as an id")
	}
}
