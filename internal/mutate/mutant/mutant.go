// Package mutant has the functions that changed copies of the tiers call. Every call stands for one or more numbered mistakes and
// makes the one that is on. Only the copies that internal/mutate writes import it.
package mutant

import (
	"os"
	"reflect"
	"strconv"
	"strings"
	"sync/atomic"
	"unsafe"
)

// Variable is the environment variable that turns a mistake on; without it the program is unchanged.
const Variable = "MUTANT"

var on atomic.Int64

func init() {
	if n, err := strconv.Atoi(os.Getenv(Variable)); err == nil {
		Switch(n)
	}
}

// Switch turns mistake n on and all others off. Zero turns all off.
func Switch(n int) { on.Store(int64(n)) }

func is(n int) bool { return int(on.Load()) == n }

// Keep returns false for a statement that is left out.
func Keep(n int) bool { return !is(n) }

// Condition returns true with n, false with n+1, and otherwise v.
func Condition(n int, v bool) bool { return (v || is(n)) && !is(n+1) }

// Not negates.
func Not[T ~bool](n int, v T) T { return T(bool(v) != is(n)) }

// More adds one.
func More[T ~int | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~float64](n int, v T) T {
	if is(n) {
		return v + 1
	}
	return v
}

// Other returns the value of another argument instead of v.
func Other[T any](n int, v, other T) T {
	if is(n) {
		return other
	}
	return v
}

// List leaves out the first of its values with n, the second with n+1, and so on.
func List[T any](n int, v ...T) []T {
	for i := range v {
		if is(n + i) {
			return append(append([]T{}, v[:i]...), v[i+1:]...)
		}
	}
	return v
}

// Elements leaves out the first element of a list with n, the second with n+1, and so on.
func Elements[T ~[]E, E any](v T, n int) T { return List(n, v...) }

// Entries leaves out the entry of the first key with n, of the second with n+1, and so on.
func Entries[T ~map[K]V, K comparable, V any](v T, n int, keys ...K) T {
	for i, key := range keys {
		if is(n + i) {
			delete(v, key)
		}
	}
	return v
}

// Fields makes the first change to a struct with n, the second with n+1, and so on: "A" leaves the field A out, "A B" swaps
// two fields of the same type.
func Fields[T any](v T, n int, changes ...string) T {
	for i, change := range changes {
		if !is(n + i) {
			continue
		}
		s := reflect.ValueOf(&v).Elem()
		if s.Kind() == reflect.Pointer {
			s = s.Elem()
		}
		a, b, swap := strings.Cut(change, " ")
		if !swap {
			field(s, a).SetZero()
			continue
		}
		x, y := field(s, a), field(s, b)
		was := reflect.New(x.Type()).Elem()
		was.Set(x)
		x.Set(y)
		y.Set(was)
	}
	return v
}

// field returns a field that can be set, exported or not.
func field(s reflect.Value, name string) reflect.Value {
	f := s.FieldByName(name)
	return reflect.NewAt(f.Type(), unsafe.Pointer(f.UnsafeAddr())).Elem()
}
