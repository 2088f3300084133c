# The build stage runs on the building machine's own platform and cross-compiles, so no emulator is needed.
# BUILDPLATFORM, TARGETARCH and TARGETVARIANT come from BuildKit; the classic builder leaves them empty, which means "this
# machine's".
ARG GO_IMAGE=golang:1.26-alpine
FROM --platform=${BUILDPLATFORM:-linux} $GO_IMAGE AS build
WORKDIR /src
ARG TARGETARCH
ARG TARGETVARIANT
ENV CGO_ENABLED=0 GOARCH=$TARGETARCH

# Layers from the slowest and most lasting to the quickest: the modules, the standard library's HTTP, postern. What
# .dockerignore lets through is postern.
COPY go.mod go.sum ./
RUN go mod download
# TARGETVARIANT is v6 or v7 for 32-bit ARM; elsewhere Go ignores GOARM.
RUN GOARM=${TARGETVARIANT#v} go build -trimpath -tags timetzdata net/http/httputil
COPY . .
ARG VERSION=dev
RUN GOARM=${TARGETVARIANT#v} go build -trimpath -tags timetzdata -ldflags "-s -w -X main.version=$VERSION" -o /postern .
# The programs that the health checks of compose files run. Under these names postern does its own health check and
# nothing else: the image has no shell.
RUN mkdir -p /links/bin /links/usr && ln -s ../bin /links/usr/bin && \
    for name in sh wget curl nc; do ln -s ../postern "/links/bin/$name"; done

FROM scratch
# The labels stand above ENV: below it, $VERSION would be the toggle of that name. Traefik makes a route to every container
# that does not say no, and would publish the Docker API: its exposedbydefault is true.
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="postern" \
      org.opencontainers.image.description="A filter for the Docker socket: forwards only the API calls that environment variables switch on" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      traefik.enable="false"

# Not listed, because unset has a meaning of its own: ALLOW_LOGS, ALLOW_TOP and ALLOW_CHANGES then follow CONTAINERS,
# ALLOW_ARCHIVE and ALLOW_EXPORT follow CONTAINERS when POST=1, and TZ is UTC.
ENV ACCESS_LOG=all \
    ALLOW_PAUSE=0 \
    ALLOW_RESTARTS=0 \
    ALLOW_START=0 \
    ALLOW_STOP=0 \
    ALLOW_UNPAUSE=0 \
    AUTH=0 \
    BUILD=0 \
    COMMIT=0 \
    CONFIGS=0 \
    CONTAINERS=0 \
    DISABLE_IPV6=0 \
    DISTRIBUTION=0 \
    EVENTS=1 \
    EXEC=0 \
    EXIT_ON_ENGINE_LOSS=0 \
    GRPC=0 \
    IMAGES=0 \
    INFO=0 \
    LEARN=0 \
    LIBPOD_ALLOW_PAUSE=0 \
    LIBPOD_ALLOW_POD_PAUSE=0 \
    LIBPOD_ALLOW_POD_RESTARTS=0 \
    LIBPOD_ALLOW_POD_START=0 \
    LIBPOD_ALLOW_POD_STOP=0 \
    LIBPOD_ALLOW_POD_UNPAUSE=0 \
    LIBPOD_ALLOW_RESTARTS=0 \
    LIBPOD_ALLOW_START=0 \
    LIBPOD_ALLOW_STOP=0 \
    LIBPOD_ALLOW_UNPAUSE=0 \
    LIBPOD_ARTIFACTS=0 \
    LIBPOD_BUILD=0 \
    LIBPOD_COMMIT=0 \
    LIBPOD_CONTAINERS=0 \
    LIBPOD_EVENTS=0 \
    LIBPOD_EXEC=0 \
    LIBPOD_GENERATE=0 \
    LIBPOD_IMAGES=0 \
    LIBPOD_INFO=0 \
    LIBPOD_KUBE=0 \
    LIBPOD_LOCAL=0 \
    LIBPOD_MANIFESTS=0 \
    LIBPOD_NETWORKS=0 \
    LIBPOD_PING=1 \
    LIBPOD_PLAY=0 \
    LIBPOD_PODS=0 \
    LIBPOD_QUADLETS=0 \
    LIBPOD_SECRETS=0 \
    LIBPOD_SYSTEM=0 \
    LIBPOD_VERSION=1 \
    LIBPOD_VOLUMES=0 \
    LISTEN=tcp://:2375 \
    LOG_FORMAT=json \
    LOG_LEVEL=info \
    NETWORKS=0 \
    NODES=0 \
    PING=1 \
    PLUGINS=0 \
    POST=0 \
    RUN_AS=65532 \
    SECRETS=0 \
    SERVICES=0 \
    SESSION=0 \
    SHUTDOWN_GRACE=5s \
    SOCKET_PATH=/var/run/docker.sock \
    SWARM=0 \
    SYSTEM=0 \
    TASKS=0 \
    TLS_DIR=/certs \
    TLS_VERIFY=1 \
    VERSION=1 \
    VOLUMES=0

COPY --from=build /postern /postern
COPY --from=build /links /
EXPOSE 2375
# Engines before 25 check for the first time when the interval is over, and their builders do not know --start-interval,
# with which newer ones check at once: the release adds --start-interval=1s to this line.
HEALTHCHECK --interval=8s --timeout=5s --start-period=5s --retries=3 CMD ["/postern", "healthcheck"]
ENTRYPOINT ["/postern"]
