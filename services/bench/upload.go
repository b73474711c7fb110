package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// upload lets all peers upload a file of random bytes, another one each time. All of them hash what they send: the agent with SHA-256 for
// the catalogue and for each part, the SDK with SHA-256 for each part, rclone and AWS's CLI with MD5.
func (r *rig) upload(ctx context.Context, title string, size int64, rounds int) (transfer, error) {
	source := filepath.Join(r.dir, "source")
	defer os.Remove(source) //nolint:errcheck // the rig's directory goes too
	if _, err := write(source, size, 42); err != nil {
		return transfer{}, err
	}
	env := []string{
		"SOURCE=" + source, "RCLONE=" + filepath.Join(r.bin, "rclone"), "BENCH=" + r.self, "BUCKET=" + bucket, "AWS_REGION=" + r.s3.Region,
		"AWS_ACCESS_KEY_ID=" + r.s3.AccessKey, "AWS_SECRET_ACCESS_KEY=" + r.s3.SecretKey, "AWS_ENDPOINT_URL=" + r.s3.Endpoint,
		"RCLONE_CONFIG=/dev/null", "RCLONE_CONFIG_S3_TYPE=s3", "RCLONE_CONFIG_S3_PROVIDER=Other", "RCLONE_CONFIG_S3_ENV_AUTH=true",
		"RCLONE_CONFIG_S3_ENDPOINT=" + r.s3.Endpoint, "RCLONE_CONFIG_S3_REGION=" + r.s3.Region, "RCLONE_CONFIG_S3_NO_CHECK_BUCKET=true",
	}
	config := filepath.Join(r.dir, "aws.config")
	if err := os.WriteFile(config, []byte(awsConfig), 0o600); err != nil {
		return transfer{}, err
	}
	env = append(env, "AWS="+awsCLI(), "AWS_CONFIG_FILE="+config)
	peers := []peer{
		{
			Name: "agent upload", Ours: true, Env: append(r.agentEnv("s3"), env...),
			Shell: `"$AGENT" upload --json --name "up/$(cat name)" "$SOURCE" > /dev/null`,
		},
		{Name: "rclone", Env: env, Shell: `"$RCLONE" copyto "$SOURCE" "s3:$BUCKET/up/$(cat name)" --s3-upload-concurrency 16 --s3-chunk-size 8M`},
		{Name: "SDK's transfermanager", Env: env, Shell: `"$BENCH" peer put "$SOURCE" "$BUCKET" "up/$(cat name)"`},
		{Name: "aws s3 cp", Env: env, Shell: `"$AWS" --endpoint-url "$AWS_ENDPOINT_URL" s3 cp --quiet "$SOURCE" "s3://$BUCKET/up/$(cat name)"`},
	}
	dir := filepath.Join(r.dir, "out")
	var digest string
	for i := range peers {
		peers[i].Check = func(string) error { return r.stored(size, digest) }
	}
	results, err := inTurn(ctx, dir, peers, rounds, func(round int, p peer) (err error) {
		if digest, err = refresh(source); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, "name"), fmt.Appendf(nil, "%d-%s", round, digest[:12]), 0o600)
	})
	return transfer{title, size, results}, err
}

// refresh changes the first bytes of a file, so that it is another one, and returns its digest.
func refresh(path string) (string, error) {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return "", err
	}
	var bytes [16]byte
	_, _ = rand.Read(bytes[:]) // it cannot fail
	_, err = f.WriteAt([]byte(hex.EncodeToString(bytes[:])), 0)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return "", err
	}
	return digestOf(path)
}

// stored fails unless the newest object of a size has a digest, and removes it.
func (r *rig) stored(size int64, digest string) error {
	var newest string
	var at int64
	err := filepath.WalkDir(r.objects(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(path, "/.sgwtmp/") {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Size() == size && info.ModTime().UnixNano() > at {
			newest, at = path, info.ModTime().UnixNano()
		}
		return err
	})
	if err != nil {
		return err
	}
	if got, err := digestOf(newest); err != nil || got != digest {
		return fmt.Errorf("the newest object of %d bytes has the digest %s, want %s (%w)", size, got, digest, err)
	}
	return os.Remove(newest)
}

// awsConfig gives AWS's CLI as many connections and parts of the same size as the others have.
const awsConfig = `[default]
s3 =
  max_concurrent_requests = 16
  multipart_chunksize = 8MB
  addressing_style = path
`

// awsCLI is Debian's package of AWS's CLI, or what the PATH has: a wrapper that other tools put there costs time of its own.
func awsCLI() string {
	const debian = "/usr/bin/aws"
	if _, err := os.Stat(debian); err == nil {
		return debian
	}
	return "aws"
}
