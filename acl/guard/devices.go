package guard

import (
	"strings"
)

func (s *Settings) parseDevices(l list) error {
	return l.each(func(item string) bool {
		if item == "gpu" {
			return true
		}
		if name, isCDI := strings.CutPrefix(item, "cdi:"); isCDI {
			vendor, device, ok := strings.Cut(name, "/")
			return ok && vendor != "" && device != ""
		}
		name, mode, hasMode := strings.Cut(item, ":")
		if !hasMode {
			mode = "rwm"
		}
		p, err := cleanPath(name)
		s.devices = append(s.devices, pathItem{p, mode})
		return err == nil && !strings.Contains(p, "*") && (mode == "r" || mode == "rw" || mode == "rwm")
	}, "/dev/name[:r|rw|rwm], gpu, or cdi:vendor/class=name")
}

// device judges access to a device by its path on the host.
func (j *judge) device(field, source, permissions, flag string) {
	p, err := cleanPath(source)
	if err != nil {
		j.never(field, source, flag, err.Error())
		return
	}
	item, _ := longest(j.devices, p)
	if strings.Trim(permissions, "rwm") != "" || strings.Trim(permissions, item.mode) != "" {
		if permissions != "rwm" {
			p += ":" + permissions
		}
		j.wants(field, p, flag, "GUARD_DEVICE", p)
	}
}

var devices = each(func(j *judge, field string, value any) {
	d := objectOf(value)
	permissions := d.String("CgroupPermissions")
	if permissions == "" {
		permissions = "rwm"
	}
	j.object(d, field, rules{"PathOnHost": ok, "PathInContainer": ok, "CgroupPermissions": ok})
	j.device(field, d.String("PathOnHost"), permissions, "--device")
})

// blkioDevices judges limits on the input and output of devices. The engine looks at
// the path as root, and so tells whether it exists.
func blkioDevices(flag string) rule {
	return each(func(j *judge, field string, value any) {
		d := objectOf(value)
		j.object(d, field, rules{"Path": ok, "Rate": ok, "Weight": ok})
		j.device(field, d.String("Path"), "r", flag)
	})
}

// gpuCapabilities are the words of a request for GPUs.
var gpuCapabilities = map[string]bool{"gpu": true, "nvidia": true, "amd": true, "compute": true, "compat32": true, "graphics": true, "utility": true, "video": true, "display": true}

var deviceRequests = each(func(j *judge, field string, value any) {
	r := objectOf(value)
	j.object(r, field, rules{"Driver": ok, "Count": ok, "DeviceIDs": ok, "Capabilities": ok, "Options": zero("--gpus", "")})
	if driver := r.String("Driver"); driver == "cdi" {
		if len(r.Strings("DeviceIDs")) == 0 {
			j.never(field, "driver cdi without a device", "--device", "")
		}
		for _, id := range r.Strings("DeviceIDs") {
			if !j.matches("GUARD_DEVICE", "cdi:"+id) {
				j.wants(field, id, "--device", "GUARD_DEVICE", "cdi:"+id)
			}
		}
		return
	} else if driver != "" && driver != "nvidia" && driver != "amd" {
		j.never(field, "driver "+driver, "--gpus", "")
		return
	}
	for _, set := range r.List("Capabilities") {
		for _, name := range setOf(set) {
			if !gpuCapabilities[name] {
				j.never(field, name, "--gpus", "")
				return
			}
		}
	}
	for _, id := range r.Strings("DeviceIDs") {
		if strings.Contains(id, "=") && !j.matches("GUARD_DEVICE", "cdi:"+id) { // NVIDIA's runtime reads CDI names, too
			j.wants(field, id, "--device", "GUARD_DEVICE", "cdi:"+id)
		}
	}
	if !j.matches("GUARD_DEVICE", "gpu") {
		j.wants(field, "gpu", "--gpus", "GUARD_DEVICE", "gpu")
	}
})

func setOf(v any) (names []string) {
	list, _ := v.([]any)
	for _, item := range list {
		names = append(names, show(item))
	}
	return names
}
