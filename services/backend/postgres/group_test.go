package postgres

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"scalable-backend/services/backend"
)

const panics = -20

// recorder is a group of numbers that doubles them; tens are of one key. What its gate does not let through yet is on its way.
type recorder struct {
	*group[int, int]
	gate chan struct{}

	mu     sync.Mutex
	groups [][]int
	fail   error
}

func newRecorder() *recorder {
	r := &recorder{gate: make(chan struct{})}
	r.group = &group[int, int]{
		name: "number", key: func(n int) any { return n / 10 }, weight: func(n int) int { return n / 1000 },
		run: func(_ context.Context, numbers []int) (answers []*int, err error) {
			r.mu.Lock()
			r.groups = append(r.groups, numbers)
			err = r.fail
			r.mu.Unlock()
			<-r.gate
			for _, n := range numbers {
				if n == panics {
					panic(n)
				}
				answers = append(answers, new(2*n))
			}
			return answers, err
		},
	}
	return r
}

// call makes a call and returns once it waits, or is on its way, with what tells its answer.
func (r *recorder) call(ctx context.Context, t *testing.T, n int) (answer func() (*int, error)) {
	t.Helper()
	type result struct {
		answer *int
		err    error
	}
	done := make(chan result, 1)
	before := r.count()
	go func() {
		answer, err := r.do(ctx, n)
		done <- result{answer, err}
	}()
	require.Eventually(t, func() bool { return r.count() > before }, patience, time.Millisecond)
	return func() (*int, error) { got := <-done; return got.answer, got.err }
}

func (r *recorder) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.group.mu.Lock()
	defer r.group.mu.Unlock()
	sum := len(r.waiting)
	for _, g := range r.groups {
		sum += len(g)
	}
	return sum
}

// landed requires that nothing is on its way and nobody waits.
func (r *recorder) landed(t *testing.T, groups ...[]int) {
	t.Helper()
	r.wait()
	require.Equal(t, groups, r.groups)
	require.Zero(t, r.away)
	require.Zero(t, r.group.groups)
	require.Empty(t, r.keys)
	require.Empty(t, r.waiting)
}

// A call begins at once when as many wait as are on their way: the first alone, the second too, then two, four and so on.
func TestCallsAreCollectedWhileOthersAreOnTheirWay(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	var answers []func() (*int, error)
	want := []int{10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110}
	for _, n := range want {
		answers = append(answers, r.call(t.Context(), t, n))
	}
	require.Equal(t, [][]int{{10}, {20}, {30, 40}, {50, 60, 70, 80}}, r.groups, "and no more groups than four")
	close(r.gate)
	for i, answer := range answers {
		got, err := answer()
		require.NoError(t, err)
		require.Equal(t, 2*want[i], *got)
	}
	r.landed(t, append(r.groups[:4:4], []int{90, 100, 110})...)
}

// gathered makes calls that go together, and returns their answers.
func (r *recorder) gathered(t *testing.T, numbers ...int) (answers []*int) {
	t.Helper()
	close(r.gate)
	answers = make([]*int, len(numbers))
	calls := make([]func(), len(numbers))
	for i, n := range numbers {
		calls[i] = func() {
			var err error
			if answers[i], err = r.do(t.Context(), n); err != nil {
				t.Error(err)
			}
		}
	}
	gather(t, r.group, calls...)
	return answers
}

func TestCallsOfOneKeyDoNotGoTogether(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	for i, answer := range r.gathered(t, 10, 20, 11, 30, 12) {
		require.Equal(t, []int{20, 40, 22, 60, 24}[i], *answer)
	}
	r.landed(t, []int{10, 20, 30}, []int{11}, []int{12})

	r = newRecorder()
	first, second := r.call(t.Context(), t, 10), r.call(t.Context(), t, 11)
	require.Equal(t, [][]int{{10}}, r.groups, "nor at the same time")
	close(r.gate)
	for _, answer := range []func() (*int, error){first, second} {
		_, err := answer()
		require.NoError(t, err)
	}
	r.landed(t, []int{10}, []int{11})
}

// A call that does not fit waits for the next group, and nobody who came later overtakes it.
func TestAGroupIsBounded(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	r.gathered(t, 100_000, 28_000, 20_000, 1_000_000, 3_000) // thousands weigh; a group may weigh 128
	r.landed(t, []int{100_000, 28_000}, []int{20_000}, []int{1_000_000}, []int{3_000})
}

// Who leaves while waiting is forgotten; who leaves on the way is not waited for; nobody else notices.
func TestACallerMayLeave(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	onTheWay, leave := context.WithCancel(t.Context())
	waiting, give := context.WithCancel(t.Context())
	first, second, third := r.call(onTheWay, t, 10), r.call(t.Context(), t, 20), r.call(waiting, t, 30)
	leave()
	give()
	for _, left := range []func() (*int, error){first, third} {
		_, err := left()
		require.ErrorIs(t, err, context.Canceled)
	}
	close(r.gate)
	got, err := second()
	require.NoError(t, err)
	require.Equal(t, 40, *got)
	r.landed(t, []int{10}, []int{20})
}

func TestCallsOfAGroupThatFailsAreMadeAlone(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	r.fail = errors.New("broken")
	require.Equal(t, []*int{nil, nil, nil}, r.gathered(t, 10, 20, 30))
	r.landed(t, []int{10, 20, 30})
	r = newRecorder()
	require.Equal(t, []*int{nil, nil, nil}, r.gathered(t, 10, panics, 30))
	r.landed(t, []int{10, panics, 30})
}

// A caller waits no longer than CallTimeout, whatever keeps the group.
func TestWaitingForAGroupIsBounded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.CallTimeout = 300 * time.Millisecond // less than opening may take
	r := newRecorder()
	alone := func(context.Context) (int, error) { return 0, errors.New("its time was up") }
	began := time.Now()
	_, err := together(t.Context(), b.Store, r.group, 10, alone)
	requireCode(t, backend.Unavailable, err)
	require.Less(t, time.Since(began), 10*time.Second)
	gone, leave := context.WithCancel(t.Context())
	leave()
	_, err = together(gone, b.Store, r.group, 20, alone)
	require.ErrorIs(t, err, context.Canceled)
	close(r.gate)
	r.wait()
}

// gather makes calls wait for each other, in their order, and then go together. Each call must make one call of the group.
func gather[I, O any](t testing.TB, g *group[I, O], calls ...func()) {
	t.Helper()
	const many = 1 << 20 // seem to be on their way
	g.mu.Lock()
	g.away += many
	g.mu.Unlock()
	var all sync.WaitGroup
	for i, call := range calls {
		all.Go(call)
		require.Eventually(t, func() bool {
			g.mu.Lock()
			defer g.mu.Unlock()
			return len(g.waiting) == i+1
		}, patience, 100*time.Microsecond)
	}
	g.mu.Lock()
	g.away -= many
	first := g.next()
	g.running.Add(1)
	g.mu.Unlock()
	g.fly(first)
	all.Wait()
}
