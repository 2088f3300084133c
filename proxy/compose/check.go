package compose

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Check writes the services of a compose file that have another proxy's image, with
// postern's in its place, and what differs as comments: all of it is valid YAML. It
// returns an error of one line for what is no compose file or longer than [MaxFile],
// for a file without such a service, or w's.
func Check(file []byte, w io.Writer) error {
	services, err := readServices(file)
	if err != nil {
		return err
	}
	var proxies []*proxy
	for _, s := range services {
		if found := imageOf(text(value(s.node, "image"))); found != nil {
			p := &proxy{service: s, image: found}
			if n := len(p.environment()) + len(p.arguments()); n > maxWords {
				return fmt.Errorf("service %.100q has %d variables and arguments: want at most %d", s.name, n, maxWords)
			}
			p.translate(services)
			proxies = append(proxies, p)
		}
		if len(proxies) > maxProxies {
			return fmt.Errorf("the file has more than %d proxies: split it", maxProxies)
		}
	}
	if len(proxies) == 0 {
		return noProxy(services)
	}
	return write(w, proxies)
}

// noProxy says what was looked for, and what comes near.
func noProxy(services []service) error {
	var names []string
	for _, known := range images {
		names = append(names, known.name)
	}
	last := len(names) - 1
	looked := fmt.Sprintf("no service has the image of a proxy for the Docker socket: looked for %s and %s", strings.Join(names[:last], ", "), names[last])
	isPostern := func(s service) bool {
		repository := repositoryOf(text(value(s.node, "image")))
		return repository == "postern" || strings.HasSuffix(repository, "/postern")
	}
	looksLikeProxy := func(s service) bool {
		repository := repositoryOf(text(value(s.node, "image")))
		return strings.Contains(repository, "proxy") && strings.Contains(repository, "sock") || strings.Contains(repository, "guard")
	}
	if i := slices.IndexFunc(services, isPostern); i >= 0 {
		return fmt.Errorf("%s; service %.100q has postern's already: docker compose exec %[2]s /postern explain says what it allows", looked, services[i].name)
	}
	if i := slices.IndexFunc(services, looksLikeProxy); i >= 0 {
		return fmt.Errorf("%s; %.200q of service %.100q is none of them", looked, text(value(services[i].node, "image")), services[i].name)
	}
	if i := slices.IndexFunc(services, func(s service) bool { return value(s.node, "extends") != nil }); i >= 0 {
		return fmt.Errorf("%s; extends is not read: docker compose config | docker run --rm -i postern check reads it too", looked)
	}
	return fmt.Errorf("%s", looked)
}
