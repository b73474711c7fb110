package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sync/errgroup"
)

// manager is the SDK's transfermanager as a user sets it up for 16 connections, with the account from the environment.
func manager() *transfermanager.Client {
	client := s3.New(s3.Options{
		BaseEndpoint: aws.String(os.Getenv("AWS_ENDPOINT_URL")), UsePathStyle: true, Region: os.Getenv("AWS_REGION"),
		Credentials: credentials.NewStaticCredentialsProvider(os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), ""),
	})
	return transfermanager.New(client, func(o *transfermanager.Options) {
		o.PartSizeBytes, o.Concurrency = 8*mib, 16
		o.GetObjectType = types.GetObjectRanges // parts of another upload do not matter
	})
}

// s3Get downloads the objects of a list, lines of bucket, key, SHA-256 and file, 16 at a time, and compares their digests.
func s3Get(ctx context.Context, list string) error {
	f, err := os.Open(list)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it was only read
	client := manager()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		group.Go(func() error { return s3GetOne(ctx, client, words[0], words[1], words[2], words[3]) })
	}
	return errors.Join(group.Wait(), lines.Err())
}

func s3GetOne(ctx context.Context, client *transfermanager.Client, bucket, key, want, path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = client.DownloadObject(ctx, &transfermanager.DownloadObjectInput{Bucket: &bucket, Key: &key, WriterAt: f})
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if digest, err := digestOf(path); err != nil || digest != want {
		return fmt.Errorf("%s: its digest is %s, want %s (%w)", path, digest, want, err)
	}
	return nil
}

// s3Put uploads a file with a SHA-256 of each part, as the agent does.
func s3Put(ctx context.Context, path, bucket, key string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it was only read
	_, err = manager().UploadObject(ctx, &transfermanager.UploadObjectInput{
		Bucket: &bucket, Key: &key, Body: f, ChecksumAlgorithm: types.ChecksumAlgorithmSha256,
	})
	return err
}
