package servers

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sys/unix"
)

// S3 is a private S3-compatible server: versitygw over a directory, with versioning.
type S3 struct {
	Endpoint  string // http://127.0.0.1:port
	Region    string
	AccessKey string
	SecretKey string

	dir     string
	process *Process
}

// StartS3 starts a server over dir, which must not exist yet. The directory's file system must keep extended attributes.
func StartS3(ctx context.Context, dir string) (*S3, error) {
	bin, err := tool(ctx, "versitygw", "github.com/versity/versitygw/cmd/versitygw")
	if err != nil {
		return nil, err
	}
	for _, d := range []string{dir, filepath.Join(dir, "objects"), filepath.Join(dir, "versions")} {
		if err := os.Mkdir(d, 0o700); err != nil {
			return nil, fmt.Errorf("making the server's directory: %w", err)
		}
	}
	if err := unix.Setxattr(dir, "user.probe", []byte("1"), 0); err != nil {
		return nil, fmt.Errorf(
			"the S3 server needs extended attributes, and %s does not keep them (set TMPDIR to a directory that does): %w",
			dir,
			err,
		)
	}
	s := &S3{Region: "us-east-1", AccessKey: "local", SecretKey: rand.Text(), dir: dir}
	if err := retryPorts(func(port int) error { return s.start(ctx, bin, port) }); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *S3) start(ctx context.Context, bin string, port int) error {
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	cmd := exec.Command(bin, "--quiet", "--keep-alive", "--port", addr, "--region", s.Region,
		"posix", "--versioning-dir", filepath.Join(s.dir, "versions"), filepath.Join(s.dir, "objects"))
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+s.AccessKey, "ROOT_SECRET_KEY="+s.SecretKey)
	proc, err := StartProcess(cmd)
	if err != nil {
		return err
	}
	s.Endpoint = "http://" + addr
	err = proc.Await(ctx, startLimit, func(ctx context.Context) error {
		_, err := s.Client().ListBuckets(ctx, &s3.ListBucketsInput{})
		return err
	})
	if err != nil {
		proc.Stop(syscall.SIGKILL, time.Second)
		return err
	}
	s.process = proc
	return nil
}

// Client is an S3 client with the server's own credentials.
func (s *S3) Client() *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: aws.String(s.Endpoint),
		UsePathStyle: true,
		Region:       s.Region,
		Credentials:  credentials.NewStaticCredentialsProvider(s.AccessKey, s.SecretKey, ""),
	})
}

// CreateBucket makes a bucket with versioning on.
func (s *S3) CreateBucket(ctx context.Context, name string) error {
	if _, err := s.Client().CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &name}); err != nil {
		return fmt.Errorf("creating bucket %s: %w", name, err)
	}
	_, err := s.Client().PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{
		Bucket:                  &name,
		VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	})
	if err != nil {
		return fmt.Errorf("versioning bucket %s: %w", name, err)
	}
	return nil
}

// Remove ends the server and removes its data.
func (s *S3) Remove() error {
	s.process.Stop(syscall.SIGTERM, 5*time.Second)
	return os.RemoveAll(s.dir)
}
