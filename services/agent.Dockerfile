# syntax=docker/dockerfile:1
# The agent's image. Build context: this directory. It compiles on the builder's own platform for the target's.
FROM --platform=$BUILDPLATFORM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG TARGETOS=linux
ARG TARGETARCH
ARG VERSION=
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -buildvcs=false \
    -ldflags "-s -w -X scalable-backend/services/agent/cli.version=$VERSION" -o /rootfs/agent ./cmd/agent
# What a static program needs besides itself. The root file system is read-only at run time: the agent writes to the two
# volumes alone, which belong to its user.
RUN mkdir -p /rootfs/etc/ssl/certs \
    && cp /etc/ssl/certs/ca-certificates.crt /rootfs/etc/ssl/certs/ \
    && printf 'agent:x:65532:65532::/data:/\n' > /rootfs/etc/passwd \
    && printf 'agent:x:65532:\n' > /rootfs/etc/group \
    && mkdir -p -m 0750 /volumes/data && mkdir -p -m 1777 /volumes/tmp

FROM scratch
COPY --from=build /rootfs/ /
COPY --from=build --chown=65532:65532 /volumes/ /
USER 65532:65532
ENV HOME=/data
WORKDIR /data
VOLUME ["/data", "/tmp"]
ENTRYPOINT ["/agent"]
CMD ["run"]
