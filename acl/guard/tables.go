package guard

import "postern/acl/body"

// rule judges one field. It is not called for values that ask for nothing.
type rule func(j *judge, field string, value any)

// rules has a rule for every field of a struct.
type rules map[string]rule

// configRules are the fields of what a container runs.
var configRules = rules{
	"Hostname":     hostname, // since engine 25 a name in the networks
	"Domainname":   ok,
	"User":         ok,
	"AttachStdin":  ok,
	"AttachStdout": ok,
	"AttachStderr": ok,
	"ExposedPorts": ok,
	"Tty":          ok,
	"OpenStdin":    ok,
	"StdinOnce":    ok,
	"Env":          env,
	"Cmd":          ok,
	"Healthcheck": in(rules{
		"Test": ok, "Interval": ok, "Timeout": ok, "StartPeriod": ok, "StartInterval": ok, "Retries": ok,
	}),
	"ArgsEscaped":     ok,
	"Image":           image,
	"Volumes":         volumes, // anonymous ones
	"WorkingDir":      ok,
	"Entrypoint":      ok,
	"NetworkDisabled": ok,
	"MacAddress":      topMACAddress,
	"OnBuild":         ok,
	"Labels":          labels("--label"),
	"StopSignal":      ok,
	"StopTimeout":     ok,
	"Shell":           ok,
}

// createRules are the fields of docker create.
var createRules = with(configRules, rules{
	"HostConfig":       in(hostRules),
	"NetworkingConfig": in(rules{"EndpointsConfig": endpoints}),
	"Name":             ok, // the engine does not read it
})

// hostRules are the fields of HostConfig.
var hostRules = with(resourceRules, rules{
	"Binds":           binds,
	"ContainerIDFile": ok, // the client writes it; it is left out
	"LogConfig":       logging,
	"NetworkMode":     networkMode,
	"PortBindings":    portBindings,
	"AutoRemove":      ok,
	"VolumeDriver":    oneOf("--volume-driver", noPlugin, "local"),
	"VolumesFrom":     volumesFrom,
	"ConsoleSize":     ok,
	"Annotations":     zero("--annotation", "runtimes obey them"),
	"CapAdd":          capAdd,
	"CapDrop":         ok,
	"CgroupnsMode":    namespace("cgroupns", "--cgroupns", "private"),
	"Dns":             ok,
	"DnsOptions":      ok,
	"DnsSearch":       ok,
	"ExtraHosts":      ok, // lines in the container's own /etc/hosts
	"GroupAdd":        groupAdd,
	"IpcMode":         namespace("ipc", "--ipc", "none", "private", "shareable"),
	"Cgroup":          zero("", ""),
	"Links":           zero("--link", "use a network of your own, on which names work"),
	"OomScoreAdj":     oomScoreAdj,
	"PidMode":         namespace("pid", "--pid"),
	"Privileged":      privileged,
	"PublishAllPorts": publishAll,
	"ReadonlyRootfs":  ok,
	"SecurityOpt":     securityOpt,
	"StorageOpt":      zero("--storage-opt", ""),
	"Tmpfs":           tmpfs,
	"UTSMode":         namespace("uts", "--uts"),
	"UsernsMode":      namespace("userns", "--userns"),
	"ShmSize":         ok,
	"Sysctls":         sysctls,
	"Runtime":         runtime,
	"Umask":           ok,
	"Isolation":       oneOf("--isolation", "", "default"),
	"Mounts":          mounts,
	"MaskedPaths":     systemPaths(maskedPaths),
	"ReadonlyPaths":   systemPaths(readonlyPaths),
	"Init":            ok,
	"RestartPolicy":   ok,
})

// resourceRules are the fields that docker update can change too. limits.go looks at
// the amounts of all of them together.
var resourceRules = rules{
	"CpuShares":            ok,
	"Memory":               ok,
	"NanoCpus":             ok,
	"CgroupParent":         zero("--cgroup-parent", ""),
	"BlkioWeight":          ok,
	"BlkioWeightDevice":    blkioDevices("--blkio-weight-device"),
	"BlkioDeviceReadBps":   blkioDevices("--device-read-bps"),
	"BlkioDeviceWriteBps":  blkioDevices("--device-write-bps"),
	"BlkioDeviceReadIOps":  blkioDevices("--device-read-iops"),
	"BlkioDeviceWriteIOps": blkioDevices("--device-write-iops"),
	"CpuPeriod":            ok,
	"CpuQuota":             ok,
	"CpuRealtimePeriod":    ok,
	"CpuRealtimeRuntime":   ok,
	"CpusetCpus":           ok,
	"CpusetMems":           ok,
	"Devices":              devices,
	"DeviceCgroupRules":    each(zero("--device-cgroup-rule", "list the devices in GUARD_DEVICE")),
	"DeviceRequests":       deviceRequests,
	"DiskQuota":            ok,
	"KernelMemory":         ok,
	"KernelMemoryTCP":      ok,
	"MemoryReservation":    ok,
	"MemorySwap":           ok,
	"MemorySwappiness":     ok,
	"OomKillDisable":       ok,
	"PidsLimit":            ok,
	"Ulimits":              ok,
	"CpuCount":             ok,
	"CpuPercent":           ok,
	"IOMaximumIOps":        ok,
	"IOMaximumBandwidth":   ok,
}

var updateRules = with(resourceRules, rules{"RestartPolicy": ok})

// ok allows any value.
func ok(*judge, string, any) {}

// zero allows no value.
func zero(flag, hint string) rule {
	return func(j *judge, field string, value any) {
		if list, isList := value.([]any); !isList || len(list) > 0 {
			j.never(field, show(value), flag, hint)
		}
	}
}

// oneOf allows a few words.
func oneOf(flag, hint string, words ...string) rule {
	return func(j *judge, field string, value any) {
		for _, word := range words {
			if value == word {
				return
			}
		}
		j.never(field, show(value), flag, hint)
	}
}

// in applies rules to the fields of an object.
func in(table rules) rule {
	return func(j *judge, field string, value any) {
		o, isObject := value.(*body.Object)
		if !isObject {
			j.never(field, show(value), "", "")
			return
		}
		j.object(o, field, table)
	}
}

// each applies a rule to the elements of a list.
func each(r rule) rule {
	return func(j *judge, field string, value any) {
		list, isList := value.([]any)
		if !isList {
			j.never(field, show(value), "", "")
		}
		for _, item := range list {
			r(j, field, item)
		}
	}
}

// texts applies a rule to the strings of a list.
func texts(r func(j *judge, field, value string)) rule {
	return each(func(j *judge, field string, value any) {
		s, isString := value.(string)
		if !isString {
			j.never(field, show(value), "", "")
			return
		}
		r(j, field, s)
	})
}

// with returns rules with more rules.
func with(table, more rules) rules {
	all := rules{}
	for _, t := range []rules{table, more} {
		for name, r := range t {
			all[name] = r
		}
	}
	return all
}
