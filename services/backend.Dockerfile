# The backend's image: one static program and the certificates that it checks others by; no shell. The build context is this
# directory. docs/images.md tells what the arguments do, and `make test-images` builds and runs it.
#
#   docker build -f backend.Dockerfile --platform linux/arm64 .

# A mirror's golang, or a digest of it.
ARG GO_IMAGE=golang:1.26-bookworm

# The certificate authorities of Amazon RDS, against which the backend checks its database (sslmode=verify-full). GovCloud and
# China have their own. With a checksum, sha256:<hex>, any other file fails the build; without one, only HTTPS protects the
# download.
FROM scratch AS rds
ARG RDS_CA_URL=https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem
ARG RDS_CA_CHECKSUM=
ADD --checksum=$RDS_CA_CHECKSUM $RDS_CA_URL /global-bundle.pem

# It compiles on the builder's own platform for the target's.
FROM --platform=$BUILDPLATFORM $GO_IMAGE AS build
WORKDIR /src
COPY . .
ARG TARGETOS=linux TARGETARCH
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH GOMODCACHE=/go/pkg/mod sh image.sh ./cmd/backend /rootfs/backend
# The whole root is made here, every mode and owner as it is meant, and copied at once: an ADD or COPY of a single file gives
# its own mode to the directories that it makes (moby/moby#49851). One time for everything, or no two builds were alike.
RUN --mount=from=rds,target=/rds \
    install -d -m 0755 /rootfs/etc /rootfs/etc/ssl /rootfs/etc/ssl/certs /rootfs/etc/ssl/rds \
    && install -m 0444 /etc/ssl/certs/ca-certificates.crt /rootfs/etc/ssl/certs/ \
    && install -m 0444 /rds/global-bundle.pem /rootfs/etc/ssl/rds/ \
    && chmod 0555 /rootfs/backend \
    && find /rootfs -exec touch --date=@0 {} +

FROM scratch
COPY --from=build /rootfs/ /
USER 65532:65532
EXPOSE 8080 8081
STOPSIGNAL SIGTERM
ENTRYPOINT ["/backend"]
LABEL org.opencontainers.image.title="Scalable Backend: backend" \
      org.opencontainers.image.description="The API and the queue" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="MIT"
