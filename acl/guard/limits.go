package guard

import (
	"strconv"
	"strings"

	"postern/acl/body"
)

// defaultPeriod is the engine's CpuPeriod, in microseconds.
const defaultPeriod = 100000

// limit holds the amounts of a new container, or of an update, to the client's limits.
// What a new container leaves out is filled in.
func (j *judge) limit(host *body.Object, at string, isNew bool) {
	if j.Memory > 0 {
		j.limitMemory(host, at, isNew)
	}
	if j.NanoCPUs > 0 {
		j.limitCPUs(host, at, isNew)
		j.realTime(host, at)
	}
	if j.Pids > 0 {
		pids := host.Int("PidsLimit")
		switch {
		case pids > j.Pids, pids < 0, pids == 0 && host.Get("PidsLimit") != nil && !isNew:
			j.above(at+"PidsLimit", pids, "--pids-limit", "GUARD_PIDS_LIMIT")
		case pids == 0 && isNew:
			host.Set(j.Pids, "PidsLimit")
		}
	}
}

func (j *judge) limitMemory(host *body.Object, at string, isNew bool) {
	memory, swap := host.Int("Memory"), host.Int("MemorySwap")
	switch {
	case memory < 0 || memory > j.Memory:
		j.above(at+"Memory", memory, "--memory", "GUARD_MEMORY")
	case memory == 0 && isNew:
		host.Set(j.Memory, "Memory")
	}
	// MemorySwap is memory and swap together. The engine's default is twice the memory.
	if swap < 0 || swap > 2*j.Memory {
		j.above(at+"MemorySwap", swap, "--memory-swap", "GUARD_MEMORY")
	} else if swap > 0 && memory == 0 && isNew && swap < j.Memory {
		host.Set(swap, "Memory")
	}
}

func (j *judge) limitCPUs(host *body.Object, at string, isNew bool) {
	cpus, quota, period := host.Int("NanoCpus"), host.Int("CpuQuota"), host.Int("CpuPeriod")
	if period == 0 {
		period = defaultPeriod
	}
	most := j.NanoCPUs / 1e6 * period / 1000 // as a quota
	switch {
	case cpus < 0 || cpus > j.NanoCPUs:
		j.above(at+"NanoCpus", cpus, "--cpus", "GUARD_CPUS")
	case quota < 0 || quota > most || period < 0 || period > 1e6:
		j.above(at+"CpuQuota", quota, "--cpu-quota", "GUARD_CPUS")
	case quota > 0 && !isNew && host.Int("CpuPeriod") == 0:
		host.Set(int64(defaultPeriod), "CpuPeriod") // the container may have a shorter one
	case cpus > 0 || quota > 0:
	case host.Int("CpuPeriod") != 0 && !isNew: // another period makes more of the quota that there is
		j.above(at+"CpuPeriod", period, "--cpu-period", "GUARD_CPUS")
	case isNew && host.Int("CpuPeriod") != 0:
		host.Set(most, "CpuQuota")
	case isNew:
		host.Set(j.NanoCPUs, "NanoCpus")
	}
}

// realTime refuses what lets processes run in real time: no quota holds for them.
func (j *judge) realTime(host *body.Object, at string) {
	const hint = "real-time processes would escape GUARD_CPUS"
	if host.Int("CpuRealtimeRuntime") != 0 {
		j.never(at+"CpuRealtimeRuntime", show(host.Get("CpuRealtimeRuntime")), "--cpu-rt-runtime", hint)
	}
	for _, v := range host.List("Ulimits") {
		u := objectOf(v)
		// The engine writes the name in capitals.
		if strings.ToUpper(u.String("Name")) == "RTPRIO" && (u.Int("Hard") != 0 || u.Int("Soft") != 0) {
			j.never(at+"Ulimits", "rtprio", "--ulimit", hint)
		}
	}
}

// oomScoreAdj refuses what has the kernel, when memory runs out, kill processes of the
// host and of others before the container's. Root in a container cannot do that itself.
func oomScoreAdj(j *judge, field string, value any) {
	if score := show(value); strings.HasPrefix(score, "-") && !j.target {
		j.never(field, score, "--oom-score-adj", "others would be killed first")
	}
}

// above refuses an amount.
func (j *judge) above(field string, amount int64, flag, variable string) {
	asks := strconv.FormatInt(amount, 10)
	if amount <= 0 {
		asks = "no limit"
	}
	j.refuse(Violation{Field: field, Asks: asks, Flag: flag, Hint: "the most is " + j.Prefix + variable + "=" + j.lists[variable].items[0]})
}
