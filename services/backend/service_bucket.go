package backend

import (
	"context"
	"errors"
	"time"
)

const (
	// bucketPage is how many objects, and how many multipart uploads, one turn of SweepBucket looks at.
	bucketPage = 1000
	// uploadsKept is how long an upload of a file may take. The bucket's own rule aborts multipart uploads after 7 days.
	uploadsKept = 8 * 24 * time.Hour
)

// BucketResult counts what a turn of SweepBucket did. Failed are those that it could not remove: a later turn comes by again.
type BucketResult struct {
	Uploads    int // rows of uploads forgotten
	Objects    int // objects deleted
	Multiparts int // multipart uploads aborted
	Failed     int
}

// SweepBucket compares one page of the bucket with the catalogue and removes what belongs to no file: objects of deleted files, of
// uploads that another one was faster than or that were aborted, and multipart uploads that nobody will complete. So what a crash
// or a failed call left behind goes away. One process at a time does a turn, and one turn begins an interval after the one before.
func (s *Service) SweepBucket(ctx context.Context, interval time.Duration) (result BucketResult, err error) {
	turn, mine, err := s.store.TakeBucketTurn(ctx, interval)
	if err != nil || !mine {
		return result, err
	}
	result.Uploads, err = s.store.ForgetUploads(ctx, uploadsKept)
	next := turn
	var more error
	next.Objects, more = s.sweepObjects(ctx, turn.Objects, &result)
	err = errors.Join(err, more)
	next.Multiparts, more = s.sweepMultiparts(ctx, turn.Multiparts, &result)
	return result, errors.Join(err, more, s.store.EndBucketTurn(ctx, next))
}

// sweepObjects returns the mark of the next turn: the same one when this page could not be looked at.
func (s *Service) sweepObjects(ctx context.Context, after Mark, result *BucketResult) (Mark, error) {
	objects, next, err := s.objects.ListObjects(ctx, after, bucketPage)
	if err != nil {
		return after, err
	}
	orphans, err := s.store.OrphanObjects(ctx, objects)
	if err != nil {
		return after, err
	}
	var failures error
	for _, o := range orphans {
		if err := s.objects.Delete(ctx, o.Key, o.Version); err != nil {
			result.Failed++
			failures = errors.Join(failures, err)
			continue
		}
		result.Objects++
		s.config.Logger.InfoContext(ctx, "object without a file deleted", "key", o.Key, "version", o.Version)
	}
	return next, first(failures)
}

func (s *Service) sweepMultiparts(ctx context.Context, after Mark, result *BucketResult) (Mark, error) {
	uploads, next, err := s.objects.ListMultiparts(ctx, after, bucketPage)
	if err != nil {
		return after, err
	}
	orphans, err := s.store.OrphanMultiparts(ctx, uploads)
	if err != nil {
		return after, err
	}
	var failures error
	for _, u := range orphans {
		if time.Since(u.Initiated) < s.config.MultipartGrace {
			continue
		}
		if err := s.objects.AbortMultipart(ctx, u.Key, u.UploadID); err != nil {
			result.Failed++
			failures = errors.Join(failures, err)
			continue
		}
		result.Multiparts++
		s.config.Logger.InfoContext(ctx, "multipart upload without a file aborted", "key", u.Key)
	}
	return next, first(failures)
}

// first is the first of joined errors: a thousand that say the same are no news.
func first(err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return first(joined.Unwrap()[0])
	}
	return err
}
