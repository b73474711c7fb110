package backend

import (
	"context"
	"time"
)

// SampleInterval is the time between two samples, SamplesKept how long they are kept.
const (
	SampleInterval = 10 * time.Second
	SamplesKept    = time.Hour
)

// Sample is the system in numbers at one instant. Attempts are those that ended well or badly between the two samples before this one,
// which by then are all there; Failed are those of them that ended badly.
type Sample struct {
	At time.Time
	Stats
	Attempts, Failed int64
}

// SampleStore keeps the numbers of the last hour, the same for all backends.
type SampleStore interface {
	// TakeSample stores a sample if the latest is older than interval and no other process is taking one.
	TakeSample(ctx context.Context, interval time.Duration) (taken bool, err error)
	// ListSamples returns the samples of the last hour, the oldest first, and the database's time.
	ListSamples(ctx context.Context) (samples []Sample, now time.Time, err error)
}
