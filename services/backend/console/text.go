package console

import (
	"fmt"
	"html/template"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"scalable-backend/services/backend"
)

// functions are what the templates call.
var functions = template.FuncMap{
	"size":     func(n int64) string { return size(float64(n)) },
	"rate":     func(f float64) string { return size(f) + "/s" },
	"number":   number,
	"add":      func(a, b int) int { return a + b },
	"count":    func(n int) string { return number(int64(n)) },
	"percent":  percent,
	"duration": duration,
	"time":     stamp,
	"ago":      ago,
	"short":    short,
	"middle":   middle,
	"hex":      func(sum [32]byte) string { return fmt.Sprintf("%x", sum) },
	"zero":     func(id uuid.UUID) bool { return id == uuid.Nil },
	"query":    url.QueryEscape,
	"scopes":   scopeList,
	"notes":    func() []may { return scopes },
}

// size writes bytes, with three digits or so.
func size(f float64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	i := 0
	for ; f >= 1024 && i < len(units)-1; i++ {
		f /= 1024
	}
	if i == 0 || f >= 100 {
		return fmt.Sprintf("%.0f %s", f, units[i])
	}
	return fmt.Sprintf("%.1f %s", f, units[i])
}

// number writes 1234567 as 1,234,567.
func number(n int64) string {
	text, sign := strconv.FormatInt(n, 10), ""
	if n < 0 {
		text, sign = text[1:], "-"
	}
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return sign + text
}

// percent is how much of size is done, 0 to 100; 100 for nothing at all.
func percent(done, size int64) int64 {
	if size <= 0 || done >= size {
		return 100
	}
	return max(0, done*100/size)
}

// duration writes a time span in two units at most.
func duration(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// element is a time that programs can read, with the date on hover. The script puts the reader's own zone in the place of UTC.
func element(t time.Time, class, text string) template.HTML {
	t = t.UTC()
	return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%s"%s>%s</time>`, //nolint:gosec // G203: digits, and words from here
		t.Format(time.RFC3339), t.Format("2006-01-02 15:04:05 UTC"), class, text))
}

// stamp writes a time: today's without the date.
func stamp(now, t time.Time) template.HTML {
	if t.IsZero() {
		return "–"
	}
	layout := "2006-01-02 15:04 UTC"
	if now.UTC().Format(time.DateOnly) == t.UTC().Format(time.DateOnly) {
		layout = "15:04:05 UTC"
	}
	return element(t, "", t.UTC().Format(layout))
}

// ago writes how long something is over.
func ago(now, t time.Time) template.HTML {
	if t.IsZero() {
		return "–"
	}
	text := "just now" // an agent is heard of every few seconds, so fractions only flicker
	if past := now.Sub(t); past >= time.Second {
		text = duration(past) + " ago"
	}
	return element(t, ` class="ago"`, text)
}

// short is the beginning of an id that tells it from all made at another time, as the client's commands take it.
func short(id fmt.Stringer) string {
	text := id.String()
	return text[:min(18, len(text))]
}

// middle cuts a long text in its middle: what tells names apart is mostly at an end.
func middle(most int, text string) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	runes := []rune(text)
	tail := most / 2
	return string(runes[:most-tail-1]) + "…" + string(runes[len(runes)-tail:])
}

func scopeList(list []backend.Scope) string {
	texts := make([]string, len(list))
	for i, s := range list {
		texts[i] = string(s)
	}
	return strings.Join(texts, ", ")
}
