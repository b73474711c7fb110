package servers

import (
	"context"
	"crypto/rand"
	"errors"
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
	bin, err := versitygw(ctx)
	if err != nil {
		return nil, err
	}
	for _, d := range []string{dir, filepath.Join(dir, "objects"), filepath.Join(dir, "versions")} {
		if err := os.Mkdir(d, 0o700); err != nil {
			return nil, fmt.Errorf("making the server's directory: %w", err)
		}
	}
	if err := unix.Setxattr(dir, "user.probe", []byte("1"), 0); err != nil {
		return nil, fmt.Errorf("the S3 server needs extended attributes, and %s does not keep them (set TMPDIR to a directory that does): %w", dir, err)
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
	err = proc.await(ctx, 30*time.Second, func(ctx context.Context) error {
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

// versitygw returns the path of the server's binary and builds it from the tools module if it is missing or older than that
// module's go.sum. A lock keeps parallel test processes from building it twice.
func versitygw(ctx context.Context) (string, error) {
	root, err := repository()
	if err != nil {
		return "", err
	}
	bin := filepath.Join(root, ".cache", "bin", "versitygw")
	if err := os.MkdirAll(filepath.Dir(bin), 0o755); err != nil {
		return "", err
	}
	lock, err := os.OpenFile(bin+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return "", fmt.Errorf("locking %s: %w", lock.Name(), err)
	}
	tools := filepath.Join(root, "tools")
	if newer(bin, filepath.Join(tools, "go.sum")) {
		return bin, nil
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-C", tools, "-o", bin, "github.com/versity/versitygw/cmd/versitygw")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building versitygw: %w\n%s", err, out)
	}
	now := time.Now()
	return bin, os.Chtimes(bin, now, now)
}

// repository finds the checkout by its tools module, from the working directory upwards.
func repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "tools", "go.mod")); err == nil {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", errors.New("the S3 server is built from the tools module of this repository, and " + dir + " is not inside a checkout")
		}
	}
}

func newer(a, b string) bool {
	ia, err1 := os.Stat(a)
	ib, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && ia.ModTime().After(ib.ModTime())
}
