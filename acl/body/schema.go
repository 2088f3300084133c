package body

// The bodies of the engine's operations, with every field that an engine from 20.10
// to 29 reads and that can be of use. The names are those that encoding/json decodes:
// some are in no reference.
var (
	// ContainerConfig is what a container runs. It is also the body of a commit.
	ContainerConfig = Struct(configFields...)

	// ContainerCreate is ContainerConfig with the host's side. Engines up to 26.1
	// also read every field of HostConfig beside it, if HostConfig is absent.
	ContainerCreate = Struct(append(configFields[:len(configFields):len(configFields)],
		Field{"HostConfig", HostConfig},
		Field{"NetworkingConfig", Struct(Field{"EndpointsConfig", Map(Endpoint)})},
		// Portainer writes the name here too. The engine does not read it.
		Field{"Name", String},
	)...).without(HostConfig)

	// HostConfig is what a container gets of the host.
	HostConfig = Struct(append(append(resources[:len(resources):len(resources)],
		Field{"RestartPolicy", restartPolicy}), hostFields...)...)

	// ContainerUpdate is what of a HostConfig can be changed later.
	ContainerUpdate = Struct(append(resources[:len(resources):len(resources)], Field{"RestartPolicy", restartPolicy})...)

	// Endpoint is a container's end in a network.
	Endpoint = Struct(
		Field{"IPAMConfig", Struct(Field{"IPv4Address", String}, Field{"IPv6Address", String}, Field{"LinkLocalIPs", stringList})},
		Field{"Links", stringList},
		Field{"Aliases", stringList},
		Field{"DriverOpts", stringMap},
		Field{"GwPriority", Int},
		Field{"NetworkID", String},
		Field{"EndpointID", String},
		Field{"Gateway", String},
		Field{"IPAddress", String},
		Field{"MacAddress", String},
		Field{"IPPrefixLen", Int},
		Field{"IPv6Gateway", String},
		Field{"GlobalIPv6Address", String},
		Field{"GlobalIPv6PrefixLen", Int},
		Field{"DNSNames", stringList},
	)

	ContainerExec = Struct(
		Field{"User", String},
		Field{"Privileged", Bool},
		Field{"Tty", Bool},
		Field{"ConsoleSize", List(Int)},
		Field{"AttachStdin", Bool},
		Field{"AttachStderr", Bool},
		Field{"AttachStdout", Bool},
		Field{"Detach", Bool}, // up to API 1.43
		Field{"DetachKeys", String},
		Field{"Env", stringList},
		Field{"WorkingDir", String},
		Field{"Cmd", stringList},
		// Some clients repeat the container of the path. The engine does not read it.
		Field{"Container", String},
	)

	ExecStart = Struct(Field{"Detach", Bool}, Field{"Tty", Bool}, Field{"ConsoleSize", List(Int)})

	ContainerCopy = Struct(Field{"Resource", String})

	NetworkConnect = Struct(Field{"Container", String}, Field{"EndpointConfig", Endpoint})

	NetworkDisconnect = Struct(Field{"Container", String}, Field{"Force", Bool})

	NetworkCreate = Struct(
		Field{"Name", String},
		Field{"CheckDuplicate", Bool},
		Field{"Driver", String},
		Field{"Scope", String},
		Field{"EnableIPv4", Bool},
		Field{"EnableIPv6", Bool},
		Field{"IPAM", Struct(
			Field{"Driver", String},
			Field{"Options", stringMap},
			Field{"Config", List(Struct(
				Field{"Subnet", String}, Field{"IPRange", String}, Field{"Gateway", String}, Field{"AuxiliaryAddresses", stringMap},
			))},
		)},
		Field{"Internal", Bool},
		Field{"Attachable", Bool},
		Field{"Ingress", Bool},
		Field{"ConfigOnly", Bool},
		Field{"ConfigFrom", Struct(Field{"Network", String})},
		Field{"Options", stringMap},
		Field{"Labels", stringMap},
	)

	VolumeCreate = Struct(
		Field{"Name", String},
		Field{"Driver", String},
		Field{"DriverOpts", stringMap},
		Field{"Labels", stringMap},
		Field{"ClusterVolumeSpec", Any},
	)
)

// ByOperation has the body's type for the id of each operation whose body this
// package can read.
var ByOperation = map[string]*Type{
	"ContainerCreate":   ContainerCreate,
	"ContainerUpdate":   ContainerUpdate,
	"ContainerExec":     ContainerExec,
	"ExecStart":         ExecStart,
	"ContainerCopy":     ContainerCopy,
	"ImageCommit":       ContainerConfig,
	"NetworkConnect":    NetworkConnect,
	"NetworkDisconnect": NetworkDisconnect,
	"NetworkCreate":     NetworkCreate,
	"VolumeCreate":      VolumeCreate,
}

// without marks fields that some engines read in this struct although they belong to
// another one.
func (t *Type) without(other *Type) *Type {
	t.elsewhere = other
	return t
}

var (
	stringList = List(String)
	stringMap  = Map(String)

	restartPolicy = Struct(Field{"Name", String}, Field{"MaximumRetryCount", Int})
	device        = Struct(Field{"PathOnHost", String}, Field{"PathInContainer", String}, Field{"CgroupPermissions", String})
	throttle      = List(Struct(Field{"Path", String}, Field{"Rate", Int}))

	configFields = []Field{
		{"Hostname", String},
		{"Domainname", String},
		{"User", String},
		{"AttachStdin", Bool},
		{"AttachStdout", Bool},
		{"AttachStderr", Bool},
		{"ExposedPorts", Map(Struct())},
		{"Tty", Bool},
		{"OpenStdin", Bool},
		{"StdinOnce", Bool},
		{"Env", stringList},
		{"Cmd", stringList},
		{"Healthcheck", Struct(
			Field{"Test", stringList}, Field{"Interval", Int}, Field{"Timeout", Int}, Field{"StartPeriod", Int},
			Field{"StartInterval", Int}, Field{"Retries", Int},
		)},
		{"ArgsEscaped", Bool},
		{"Image", String},
		{"Volumes", Map(Struct())},
		{"WorkingDir", String},
		{"Entrypoint", stringList},
		{"NetworkDisabled", Bool},
		{"MacAddress", String}, // up to API 1.51
		{"OnBuild", stringList},
		{"Labels", stringMap},
		{"StopSignal", String},
		{"StopTimeout", Int},
		{"Shell", stringList},
	}

	resources = []Field{
		{"CpuShares", Int},
		{"Memory", Int},
		{"NanoCpus", Int},
		{"CgroupParent", String},
		{"BlkioWeight", Int},
		{"BlkioWeightDevice", List(Struct(Field{"Path", String}, Field{"Weight", Int}))},
		{"BlkioDeviceReadBps", throttle},
		{"BlkioDeviceWriteBps", throttle},
		{"BlkioDeviceReadIOps", throttle},
		{"BlkioDeviceWriteIOps", throttle},
		{"CpuPeriod", Int},
		{"CpuQuota", Int},
		{"CpuRealtimePeriod", Int},
		{"CpuRealtimeRuntime", Int},
		{"CpusetCpus", String},
		{"CpusetMems", String},
		{"Devices", List(device)},
		{"DeviceCgroupRules", stringList},
		{"DeviceRequests", List(Struct(
			Field{"Driver", String}, Field{"Count", Int}, Field{"DeviceIDs", stringList},
			Field{"Capabilities", List(stringList)}, Field{"Options", stringMap},
		))},
		{"DiskQuota", Int},       // up to API 1.39
		{"KernelMemory", Int},    // up to API 1.41
		{"KernelMemoryTCP", Int}, // API 1.40 to 1.51
		{"MemoryReservation", Int},
		{"MemorySwap", Int},
		{"MemorySwappiness", Int},
		{"OomKillDisable", Bool},
		{"PidsLimit", Int},
		{"Ulimits", List(Struct(Field{"Name", String}, Field{"Hard", Int}, Field{"Soft", Int}))},
		{"CpuCount", Int},
		{"CpuPercent", Int},
		{"IOMaximumIOps", Int},
		{"IOMaximumBandwidth", Int},
	}

	hostFields = []Field{
		{"Binds", stringList},
		{"ContainerIDFile", String},
		{"LogConfig", Struct(Field{"Type", String}, Field{"Config", stringMap})},
		{"NetworkMode", String},
		{"PortBindings", Map(List(Struct(Field{"HostIp", String}, Field{"HostPort", String})))},
		{"AutoRemove", Bool},
		{"VolumeDriver", String},
		{"VolumesFrom", stringList},
		{"ConsoleSize", List(Int)},
		{"Annotations", stringMap},
		{"CapAdd", stringList},
		{"CapDrop", stringList},
		{"CgroupnsMode", String},
		{"Dns", stringList},
		{"DnsOptions", stringList},
		{"DnsSearch", stringList},
		{"ExtraHosts", stringList},
		{"GroupAdd", stringList},
		{"IpcMode", String},
		{"Cgroup", String},
		{"Links", stringList},
		{"OomScoreAdj", Int},
		{"PidMode", String},
		{"Privileged", Bool},
		{"PublishAllPorts", Bool},
		{"ReadonlyRootfs", Bool},
		{"SecurityOpt", stringList},
		{"StorageOpt", stringMap},
		{"Tmpfs", stringMap},
		{"UTSMode", String},
		{"UsernsMode", String},
		{"ShmSize", Int},
		{"Sysctls", stringMap},
		{"Runtime", String},
		{"Umask", Int}, // since API 1.56
		{"Isolation", String},
		{"Mounts", List(Mount)},
		{"MaskedPaths", stringList},
		{"ReadonlyPaths", stringList},
		{"Init", Bool},
	}

	// Mount is an element of HostConfig.Mounts.
	Mount = Struct(
		Field{"Type", String},
		Field{"Source", String},
		Field{"Target", String},
		Field{"ReadOnly", Bool},
		Field{"Consistency", String},
		Field{"BindOptions", Struct(
			Field{"Propagation", String}, Field{"NonRecursive", Bool}, Field{"CreateMountpoint", Bool},
			Field{"ReadOnlyNonRecursive", Bool}, Field{"ReadOnlyForceRecursive", Bool},
		)},
		Field{"VolumeOptions", Struct(
			Field{"NoCopy", Bool}, Field{"Labels", stringMap}, Field{"Subpath", String},
			Field{"DriverConfig", Struct(Field{"Name", String}, Field{"Options", stringMap})},
		)},
		Field{"ImageOptions", Struct(Field{"Subpath", String})},
		Field{"TmpfsOptions", Struct(Field{"SizeBytes", Int}, Field{"Mode", Int}, Field{"Options", List(stringList)})},
		Field{"ClusterOptions", Any},
	)
)
