# The agent's image: one static program, the public certificate authorities and two volumes; no shell. The build context is
# this directory. docs/images.md tells what the arguments do, and `make test-images` builds and runs it.
#
#   docker build -f agent.Dockerfile --platform linux/arm64 .

# A mirror's golang, or a digest of it.
ARG GO_IMAGE=golang:1.26-bookworm

# It compiles on the builder's own platform for the target's.
FROM --platform=$BUILDPLATFORM $GO_IMAGE AS build
WORKDIR /src
COPY . .
ARG TARGETOS=linux TARGETARCH
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH GOMODCACHE=/go/pkg/mod sh image.sh ./cmd/agent /rootfs/agent
# The whole root is made here, every mode and owner as it is meant, and copied at once: an ADD or COPY of a single file gives
# its own mode to the directories that it makes (moby/moby#49851). One time for everything, or no two builds were alike.
# The root file system is read-only at run time: the agent writes to the two volumes alone, which belong to its user.
RUN install -d -m 0755 /rootfs/etc /rootfs/etc/ssl /rootfs/etc/ssl/certs \
    && install -m 0444 /etc/ssl/certs/ca-certificates.crt /rootfs/etc/ssl/certs/ \
    && printf 'agent:x:65532:65532::/data:/\n' > /rootfs/etc/passwd \
    && printf 'agent:x:65532:\n' > /rootfs/etc/group \
    && chmod 0444 /rootfs/etc/passwd /rootfs/etc/group \
    && install -d -o 65532 -g 65532 -m 0750 /rootfs/data \
    && install -d -o 65532 -g 65532 -m 1777 /rootfs/tmp \
    && chmod 0555 /rootfs/agent \
    && find /rootfs -exec touch --date=@0 {} +

FROM scratch
COPY --from=build /rootfs/ /
USER 65532:65532
ENV HOME=/data
WORKDIR /data
VOLUME ["/data", "/tmp"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/agent"]
CMD ["run"]
LABEL org.opencontainers.image.title="Scalable Backend: agent" \
      org.opencontainers.image.description="The download agent and command-line client" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="MIT"
