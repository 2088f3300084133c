package guard

import (
	"net/netip"
	"strconv"
	"strings"

	"postern/acl/body"
)

// portItem is a range of host ports that GUARD_PUBLISH lists. Port 0 is one that the
// engine chooses.
type portItem struct {
	ip          string // "" is any
	first, last uint16
}

func (s *Settings) parsePublish(l list) error {
	return l.each(func(item string) bool {
		if item == "*" {
			s.publish = append(s.publish, portItem{"", 0, 65535})
			return true
		}
		ip, ports := "", item
		if i := strings.LastIndexByte(item, ':'); i >= 0 {
			addr, err := netip.ParseAddr(strings.Trim(item[:i], "[]"))
			if err != nil {
				return false
			}
			ip, ports = addr.String(), item[i+1:]
		}
		first, last, isRange := portRange(ports)
		s.publish = append(s.publish, portItem{ip, first, last})
		return isRange
	}, "[ip:]port[-port] of the host alone, or *")
}

// portRange reads "80" or "80-90".
func portRange(s string) (first, last uint16, ok bool) {
	from, to, isRange := strings.Cut(s, "-")
	if !isRange {
		to = from
	}
	a, err1 := strconv.ParseUint(from, 10, 16)
	b, err2 := strconv.ParseUint(to, 10, 16)
	return uint16(a), uint16(b), err1 == nil && err2 == nil && a <= b
}

// portBindings judges HostConfig.PortBindings: the keys are ports of the container.
func portBindings(j *judge, field string, value any) {
	for _, bindings := range objectOf(value).All() {
		list, _ := bindings.([]any)
		for _, b := range list {
			j.publishes(field, objectOf(b))
		}
	}
}

func (j *judge) publishes(field string, b *body.Object) {
	j.object(b, field, rules{"HostIp": ok, "HostPort": ok})
	ip, port := b.String("HostIp"), b.String("HostPort")
	asked := port
	if ip != "" {
		asked = ip + ":" + port
		addr, err := netip.ParseAddr(ip)
		if err != nil {
			j.never(field, asked, "-p", "the address is malformed")
			return
		}
		ip = addr.String()
	}
	if port == "" {
		port = "0"
	}
	first, last, isPort := portRange(port)
	if !isPort {
		j.never(field, asked, "-p", "the port is malformed")
		return
	}
	for _, item := range j.publishItems() {
		inside := item.first <= first && last <= item.last
		if first == 0 && last == 0 {
			inside = item.first == 0
		} else if first == 0 {
			inside = false
		}
		if inside && (item.ip == "" || item.ip == ip) {
			return
		}
	}
	if first == 0 {
		asked, port = "a port that the engine chooses", "0"
	}
	j.wants(field, asked, "-p", "GUARD_PUBLISH", port)
}

func (j *judge) publishItems() []portItem {
	if !j.lists["GUARD_PUBLISH"].set {
		return []portItem{{}}
	}
	return j.publish
}

func publishAll(j *judge, field string, value any) {
	for _, item := range j.publishItems() {
		if item.first == 0 && item.ip == "" {
			return
		}
	}
	j.wants(field, "ports that the engine chooses", "-P", "GUARD_PUBLISH", "0")
}
