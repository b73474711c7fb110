# syntax=docker/dockerfile:1.7
# The backend's image: one static binary, no shell. The build context is this directory.
#
#   docker build -f backend.Dockerfile --platform linux/arm64 .

# golang is pinned to the minor version of go.mod; pin it to a digest, too, where builds must repeat exactly.
FROM --platform=$BUILDPLATFORM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG TARGETOS TARGETARCH
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -ldflags="-s -w" -o /out/backend ./cmd/backend

FROM scratch
# The certificate authorities of Amazon RDS, against which the backend checks its database (sslmode=verify-full). AWS replaces
# this file when it adds authorities, so its digest is the owner's to set: take the file from AWS by a way that you trust, then
#   sha256sum global-bundle.pem
# and put the result here or into --build-arg RDS_CA_CHECKSUM=sha256:<hex>. With a digest, any other file fails the build;
# without one, only HTTPS protects the download.
ARG RDS_CA_CHECKSUM=""
ADD --checksum=$RDS_CA_CHECKSUM --chmod=0444 https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem /etc/ssl/rds/global-bundle.pem
# The public certificate authorities, for S3 and Secrets Manager.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/backend /backend
USER 65532:65532
EXPOSE 8080 8081
STOPSIGNAL SIGTERM
ENTRYPOINT ["/backend"]
