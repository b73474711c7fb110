package postgres

import (
	"context"
	"errors"
	"slices"
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
		patience: time.Hour, name: "number", key: func(n int) any { return n / 10 }, weight: func(n int) int { return n / 1000 },
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

// count is how many calls wait or are on their way, if their keys differ.
func (r *recorder) count() int {
	r.group.mu.Lock()
	defer r.group.mu.Unlock()
	return len(r.waiting) + len(r.keys)
}

// began waits until so many groups are on their way, and returns them.
func (r *recorder) began(t *testing.T, n int) (groups [][]int) {
	t.Helper()
	require.Eventually(t, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		groups = slices.Clone(r.groups)
		return len(groups) == n
	}, 10*time.Second, time.Millisecond)
	return groups
}

// landed requires that nothing is on its way and nobody waits.
func (r *recorder) landed(t *testing.T, groups ...[]int) {
	t.Helper()
	r.wait()
	require.Equal(t, groups, r.groups)
	require.Zero(t, r.group.groups)
	require.Empty(t, r.keys)
	require.Empty(t, r.waiting)
}

// A call begins at once when no group is on its way; the others go together when that is back.
func TestCallsAreCollectedWhileOthersAreOnTheirWay(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	answers := []func() (*int, error){r.call(t.Context(), t, 10)}
	require.Equal(t, [][]int{{10}}, r.began(t, 1))
	want := []int{20, 30, 40, 50, 60, 70, 80}
	for _, n := range want {
		answers = append(answers, r.call(t.Context(), t, n))
	}
	require.Equal(t, [][]int{{10}}, r.began(t, 1))
	close(r.gate)
	for i, answer := range answers {
		got, err := answer()
		require.NoError(t, err)
		require.Equal(t, 20*(i+1), *got)
	}
	r.landed(t, []int{10}, want)
}

// As much as one group may have does not wait for another one, up to maxGroups.
func TestAFullGroupDoesNotWait(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	var answers []func() (*int, error)
	call := func(n int) { answers = append(answers, r.call(t.Context(), t, n)) }
	call(10)
	r.began(t, 1)
	call(100_000)
	call(28_000)
	require.Equal(t, [][]int{{10}, {100_000, 28_000}}, r.began(t, 2))
	call(128_010)
	r.began(t, 3)
	call(128_020)
	want := r.began(t, 4)
	call(128_030)
	call(128_040)
	require.Equal(t, want, r.began(t, maxGroups), "and no more")
	close(r.gate)
	for _, answer := range answers {
		_, err := answer()
		require.NoError(t, err)
	}
	r.wait()
	require.ElementsMatch(t, append(want, []int{128_030}, []int{128_040}), r.groups)
}

// What keeps a group does not keep others for longer than their patience, but for calls of the same key.
func TestPatienceWithAGroupHasAnEnd(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	r.patience = time.Millisecond
	kept := r.call(t.Context(), t, 10)
	r.began(t, 1)
	same, done := make(chan error, 1), make(chan error, 1)
	go func() { _, err := r.do(t.Context(), 11); same <- err }()
	go func() { _, err := r.do(t.Context(), 20); done <- err }()
	require.Equal(t, [][]int{{10}, {20}}, r.began(t, 2))
	close(r.gate)
	require.NoError(t, <-done)
	require.NoError(t, <-same)
	_, err := kept()
	require.NoError(t, err)
	r.landed(t, []int{10}, []int{20}, []int{11})
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
	first := r.call(t.Context(), t, 10)
	r.began(t, 1)
	second := r.call(t.Context(), t, 11)
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
	r.wait()
	require.ElementsMatch(t, [][]int{{100_000, 28_000}, {20_000}, {1_000_000}, {3_000}}, r.groups)
}

// Who leaves while waiting is forgotten; who leaves on the way is not waited for; nobody else notices.
func TestACallerMayLeave(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	onTheWay, leave := context.WithCancel(t.Context())
	waiting, give := context.WithCancel(t.Context())
	first := r.call(onTheWay, t, 10)
	r.began(t, 1)
	second, third := r.call(t.Context(), t, 20), r.call(waiting, t, 30)
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
	g.mu.Lock()
	g.boarding = true // so none begins
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
	g.boarding = false
	g.mu.Unlock()
	g.begin()
	all.Wait()
}
