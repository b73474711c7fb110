package console

import (
	"fmt"
	"strings"
	"time"

	"scalable-backend/services/backend"
)

// The size of a chart in its own units, and how many points it has: one a minute.
const (
	chartWidth  = 240
	chartHeight = 48
	chartPoints = 60
)

// chart is a line over the last hour. Path is the "d" of an SVG path; the line breaks where nothing was sampled.
type chart struct {
	Name   string
	Latest string // the last value, for people
	Most   string // the largest
	Path   string
}

// point is one minute of a chart; known is false where nothing was sampled.
type point struct {
	value float64
	known bool
}

// charts draws the four lines of the overview.
func charts(samples []backend.Sample, now time.Time) []chart {
	count := func(v float64) string { return number(int64(v)) }
	rate := func(v float64) string { return size(v) + "/s" }
	perSecond := func(v float64) string { return fmt.Sprintf("%.1f/s", v) }
	percent := func(v float64) string { return fmt.Sprintf("%.0f %%", v) }
	return []chart{
		draw("Jobs queued", count, level(samples, now, func(s backend.Sample) int64 { return s.Queued })),
		draw("Bytes delivered", rate, change(samples, now, func(s backend.Sample) int64 { return s.BytesDelivered })),
		draw("Files delivered", perSecond, change(samples, now, func(s backend.Sample) int64 { return s.Succeeded })),
		draw("Failed attempts", percent, failures(samples, now)),
	}
}

// minute is the point of a sample, the latest being chartPoints - 1.
func minute(at, now time.Time) int {
	return chartPoints - 1 - int(now.Sub(at)/(backend.SamplesKept/chartPoints))
}

// level is the last value of each minute.
func level(samples []backend.Sample, now time.Time, of func(backend.Sample) int64) (points [chartPoints]point) {
	for _, s := range samples {
		if i := minute(s.At, now); i >= 0 && i < chartPoints {
			points[i] = point{float64(of(s)), true}
		}
	}
	return points
}

// change is how much a counter grew a second, in each minute.
func change(samples []backend.Sample, now time.Time, of func(backend.Sample) int64) (points [chartPoints]point) {
	var took [chartPoints]float64
	for n := 1; n < len(samples); n++ {
		before, s := samples[n-1], samples[n]
		i, gap := minute(s.At, now), s.At.Sub(before.At)
		if i < 0 || i >= chartPoints || gap > 2*time.Minute {
			continue
		}
		points[i].value += max(0, float64(of(s)-of(before)))
		points[i].known, took[i] = true, took[i]+gap.Seconds()
	}
	for i := range points {
		if points[i].known {
			points[i].value /= took[i]
		}
	}
	return points
}

// failures is how many of a hundred attempts failed, in each minute.
func failures(samples []backend.Sample, now time.Time) (points [chartPoints]point) {
	var attempts [chartPoints]float64
	for _, s := range samples {
		if i := minute(s.At, now); i >= 0 && i < chartPoints {
			points[i] = point{points[i].value + float64(s.Failed), true}
			attempts[i] += float64(s.Attempts)
		}
	}
	for i := range points {
		points[i].value = 100 * points[i].value / max(1, attempts[i])
	}
	return points
}

func draw(name string, text func(float64) string, points [chartPoints]point) chart {
	most, latest := 0.0, 0.0
	for _, p := range points {
		most = max(most, p.value)
		if p.known {
			latest = p.value
		}
	}
	var d strings.Builder
	down := false
	for i, p := range points {
		if !p.known {
			down = false
			continue
		}
		move := "L"
		if !down {
			move = "M"
		}
		y := chartHeight - 2 - p.value/max(most, 1e-9)*(chartHeight-6)
		fmt.Fprintf(&d, "%s%d %.0f", move, i*chartWidth/(chartPoints-1), y)
		if !down && (i+1 == chartPoints || !points[i+1].known) {
			d.WriteString("h1") // a minute alone is a dot
		}
		down = true
	}
	return chart{Name: name, Latest: text(latest), Most: text(most), Path: d.String()}
}
