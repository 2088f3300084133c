package guard

import (
	"slices"
	"strings"

	"postern/acl/pattern"
	"postern/acl/scope"
)

// StampPrefix begins the labels by which postern knows whose an object is.
const StampPrefix = "postern."

// obeyedLabels are the prefixes of labels that programs beside the engine obey: they
// route traffic to the container, run commands, read files, or take it for one of their
// own. A prefix with = is a whole label.
var obeyedLabels = strings.Fields(`
	bunkerweb.
	caddy
	chadburn.
	cloudflare.tunnel
	co.elastic.
	com.centurylinklabs.
	com.datadoghq.ad.
	com.github.jrcs.letsencrypt_nginx_proxy_companion
	com.github.nginx-proxy
	com.sockguard.
	coolify.
	cron.
	crowdsec.
	deck-chores.
	diun.
	docker-volume-backup.
	dockflare.
	io.containers.
	io.podman.
	io.portainer.
	kontena.
	lb.
	nautical-backup.
	ofelia.
	org.nginx-proxy
	pangolin.
	proxy.
	restic-compose-backup.
	sablier.
	scheduler.
	service_
	socket-proxy.
	swag=
	swag_
	swarm.cronjob
	swarmpit.
	tinyauth.
	traefik
	tsdproxy.
	wud.
`)

func (s *Settings) parseLabels(l list) error {
	for i, item := range l.items {
		l.items[i] = strings.ToLower(item)
	}
	return l.each(func(item string) bool { return !strings.ContainsAny(item, "= ") && !isStamp(item) }, "the name of a label without its value, in which * is any run of characters; those of postern's own are never a client's")
}

// labels judges the labels of a new object.
func labels(flag string) rule {
	return func(j *judge, field string, value any) {
		for name, v := range objectOf(value).All() {
			j.label(field, name, show(v), flag)
		}
	}
}

// isStamp reports whether a label is one of postern's own.
func isStamp(name string) bool { return strings.HasPrefix(strings.ToLower(name), StampPrefix) }

func (j *judge) label(field, name, value, flag string) {
	lower := strings.ToLower(name) // some programs do not tell cases apart
	if isStamp(name) {
		// Clients that make a container again send the stamp that they have read.
		// An empty stamp says that nobody made it.
		if isOwn := name == scope.Stamp && (value == j.Client || value == ""); !isOwn && !j.target {
			j.never(field, name+"="+value, flag, "labels that begin with "+StampPrefix+" are postern's")
		}
		return
	}
	isObeyed := slices.ContainsFunc(obeyedLabels, func(prefix string) bool { return strings.HasPrefix(lower+"=", prefix) })
	if j.target || !isObeyed || slices.ContainsFunc(j.lists["GUARD_LABEL"].items, func(p string) bool { return pattern.Match(p, lower) }) {
		return
	}
	j.wants(field, name, flag, "GUARD_LABEL", lower)
}
