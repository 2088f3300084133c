// Package ext stands in for a module inside traefik's, which the Go module proxy does
// not have. traefik's routers and services embed its types, which have no fields.
package ext

type (
	// HTTP is embedded in dynamic.HTTPConfiguration.
	HTTP struct{}
	// Router is embedded in dynamic.Router.
	Router struct{}
)
