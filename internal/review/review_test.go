package review

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"scalable-backend/internal/graph"
	"scalable-backend/internal/reach"
)

// granting returns a graph of one role with a policy of these statements.
func granting(statements string) *graph.Graph {
	return &graph.Graph{Project: "p", Stack: "s", Resources: []graph.Resource{
		{Type: policyType, Name: "part", State: map[string]any{"arn": "arn:aws:iam::1:policy/part"},
			Inputs: map[string]any{"policy": `{"Version":"2012-10-17","Statement":[` + statements + `]}`}},
		{Type: roleType, Name: "app", State: map[string]any{"name": "app-1", "arn": "arn:aws:iam::1:role/app-1"}, Inputs: map[string]any{}},
		{Type: attachmentType, Name: "app", Inputs: map[string]any{"role": "app-1", "policyArn": "arn:aws:iam::1:policy/part"}},
		{Type: "aws:s3/bucketV2:BucketV2", Name: "data", State: map[string]any{"arn": "arn:aws:s3:::physical"}, Inputs: map[string]any{}},
	}}
}

func texts(items []Item) (all []string) {
	for _, i := range items {
		all = append(all, i.String())
	}
	return all
}

const (
	get    = `{"Effect":"Allow","Action":["s3:GetObject"],"Resource":["arn:aws:s3:::physical/*"]}`
	getPut = `{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":["arn:aws:s3:::physical/*"]}`
	put    = `{"Effect":"Allow","Action":["s3:PutObject"],"Resource":["arn:aws:s3:::physical/*"]}`
	gets   = `{"Effect":"Allow","Action":["s3:Get*"],"Resource":["arn:aws:s3:::physical/*"]}`
	tagged = `{"Effect":"Allow","Action":["s3:GetObject"],"Resource":["arn:aws:s3:::physical/*"],"Condition":{"StringEquals":{"aws:x":"y"}}}`
	denied = `{"Effect":"Deny","Action":["s3:GetObject"],"Resource":["*"]}`
)

func TestPermissions(t *testing.T) {
	t.Parallel()
	const role, on = "aws iam Role app ", " on aws s3 BucketV2 data/*"
	for name, c := range map[string]struct {
		before, after string
		want          []string
	}{
		"the same":                  {getPut, getPut, nil},
		"split in two":              {getPut, get + "," + put, nil},
		"two that become one":       {get + "," + put, getPut, nil},
		"one more":                  {get, getPut, []string{role + "gains s3:PutObject" + on}},
		"one less":                  {getPut, get, []string{role + "loses s3:PutObject" + on}},
		"a pattern":                 {get, gets, []string{role + "gains s3:Get*" + on}},
		"out of a pattern":          {gets, get, []string{role + "loses s3:Get*" + on}},
		"what a pattern had":        {gets, gets + "," + get, nil},
		"a condition less":          {tagged, get, []string{role + "gains s3:GetObject" + on}},
		"a condition more":          {get, tagged, []string{role + "loses s3:GetObject" + on}},
		"an entry with a condition": {get, get + "," + tagged, nil},
		"a denial":                  {get, get + "," + denied, []string{role + "is newly denied s3:GetObject on every resource"}},
		"no denial any more":        {get + "," + denied, get, []string{role + "is no longer denied s3:GetObject on every resource"}},
		"another condition": {tagged, strings.ReplaceAll(tagged, `"y"`, `"z"`),
			[]string{role + "gains s3:GetObject" + on + " where aws:x StringEquals z",
				role + "loses s3:GetObject" + on + " where aws:x StringEquals y"}},
	} {
		items, err := permitted(granting(c.before), granting(c.after))
		require.NoError(t, err, name)
		require.Equal(t, c.want, texts(items), name)
	}
	_, err := permitted(granting(get), granting(`{"Effect":"Allow","NotPrincipal":"*"}`))
	require.ErrorContains(t, err, "permissions, after: policy of aws:iam/policy:Policy::part")
}

// What cannot be judged is said before everything else.
func TestWhatCannotBeJudged(t *testing.T) {
	t.Parallel()
	before, after := granting(get), granting(`{"Effect":"Allow","NotPrincipal":"*"}`)
	r := New(before, after, graph.NewDiff(before, after), Options{})
	require.Len(t, r.Unjudged, 1)
	require.False(t, r.Quiet())
	require.Contains(t, r.Title(), "s: 1 part of the security not judged")
}

// A pattern includes another one only if it matches everything that the other does.
func TestPattern(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		wide, narrow string
		want         bool
	}{
		{"*", "*", true}, {"*", "s3:Get?", true}, {"s3:Get*", "s3:GetObject", true}, {"s3:Get*", "s3:Get*Version", true},
		{"s3:*Get", "s3:*", false},
		{"a?c", "abc", true}, {"a?c", "a*c", false}, {"a?c", "a?c", true}, {"a*", "*", false}, {"", "", true}, {"a", "", false}, {"", "a", false},
		{"a*c", "abc", true}, {"a*c", "ab", false}, {"everything but a", "b", false}, {"*", "everything but a", true},
	} {
		require.Equal(t, c.want, pattern(c.wide, c.narrow), "%q in %q", c.narrow, c.wide)
	}
}

func TestConnectionsInclude(t *testing.T) {
	t.Parallel()
	wide := reach.Connection{From: "203.0.113.0/24", To: "a::b", Protocol: "tcp", Low: 80, High: 443}
	narrow := reach.Connection{From: "203.0.113.7/32", To: "a::b", Protocol: "tcp", Low: 443, High: 443}
	require.True(t, includes(wide, narrow))
	require.False(t, includes(narrow, wide))
	narrow.Protocol = "udp"
	require.False(t, includes(wide, narrow))
	wide.Protocol = "-1"
	require.True(t, includes(wide, narrow))
	narrow.To = "a::c"
	require.False(t, includes(wide, narrow))
}

func TestWaivers(t *testing.T) {
	t.Parallel()
	items, err := Waivers([]byte(`
- {rule: a, resource: r, stacks: [dev], reason: x}
- {rule: b, resource: r, stacks: [dev], reason: x}
- {rule: c, resource: r, stacks: [dev], reason: old}
- {rule: e, resource: r, stacks: [dev], reason: x}
`), []byte(`
- {rule: b, resource: r, stacks: [dev, prod], reason: x}
- {rule: c, resource: r, stacks: [dev], reason: new}
- {rule: e, resource: r, stacks: [dev], reason: x}
`))
	require.NoError(t, err)
	require.Equal(t, []string{
		"new waiver: resource r, rule b, stacks dev and prod: x",
		"a waiver has another reason: resource r, rule c, stacks dev: new",
		"dropped waiver: resource r, rule a, stacks dev",
		"dropped waiver: resource r, rule b, stacks dev",
	}, texts(items))

	items, err = Waivers([]byte("wildcards:\n- {policy: p, values: ['*'], reason: x}\n"),
		[]byte("wildcards:\nunused:\n- {policy: p, reason: y}\n"))
	require.NoError(t, err)
	require.Equal(t, []string{"new waiver: unused policy p: y", "dropped waiver: wildcards policy p, values *"}, texts(items))
	_, err = Waivers(nil, []byte("- text"))
	require.ErrorContains(t, err, "after: want keys and values")
	for _, file := range WaiverFiles {
		text, err := os.ReadFile("../../" + file)
		require.NoError(t, err, "the files have moved")
		items, err := Waivers(nil, text)
		require.NoError(t, err)
		require.NotEmpty(t, items)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	old := graph.Resource{Type: database, Name: "d", Custom: true, Protect: true, Inputs: map[string]any{
		"deletionProtection": true, "storageEncrypted": true, "tags": "a", "password": "a"}, IgnoreChanges: []string{"password"}}
	now := old
	now.Protect = false
	now.Inputs = map[string]any{"deletionProtection": false, "storageEncrypted": true, "publiclyAccessible": true, "tags": "b",
		"password": "b"}
	before, after := &graph.Graph{Resources: []graph.Resource{old}}, &graph.Graph{Resources: []graph.Resource{now}}
	r := New(before, after, graph.NewDiff(before, after), Options{})
	require.Contains(t, texts(r.Security), "aws rds Instance d: deletionProtection: true -> false")
	require.Contains(t, texts(r.Security), "aws rds Instance d: publiclyAccessible: (none) -> true")
	require.Contains(t, texts(r.Security), "aws rds Instance d: option protect: true -> false")
	require.NotContains(t, strings.Join(texts(r.Security), "\n"), "tags:")
	require.Equal(t, []string{`aws rds Instance d keeps its password: it is ignored after creation, so "a" -> "b" will not apply`},
		texts(r.Ignored))
}

// No name or value is markup: it neither ends its code, nor calls anybody, nor begins a line.
func TestMarkdownIsSafe(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.RuneFrom([]rune("`~ab @<>[](){}*_#|\n\r\t\u202e\x1b!"))).Draw(t, "text")
		got := code(text)
		require.NotContains(t, got, "\n")
		ticks := len(got) - len(strings.TrimLeft(got, "`"))
		inside := strings.TrimSuffix(got[ticks:], strings.Repeat("`", ticks))
		require.Len(t, got, 2*ticks+len(inside))
		require.NotContains(t, inside, strings.Repeat("`", ticks), "nothing inside is as long as its ends")
		block := fenced(text, 10_000)
		lines := strings.Split(strings.TrimSuffix(block, "\n"), "\n")
		for _, line := range lines[1 : len(lines)-1] {
			require.NotContains(t, line, "~~~")
		}
	})
	require.Contains(t, fenced("~~~~~ ~~", 1000), "\n~ ~ ~ ~ ~ ~~\n", "nothing is lost")
	long := &graph.Diff{Resources: []graph.Change{{Type: "a:b/c:C", Name: strings.Repeat("x", 200_000), Action: graph.Delete}}}
	var text bytes.Buffer
	require.NoError(t, WriteMarkdown(&text, []*Report{{Stack: "s", Diff: long}, {Stack: "t", Diff: long}}))
	require.Less(t, utf8.RuneCount(text.Bytes()), Limit)
	require.Equal(t, 2, strings.Count(text.String(), "</details>"))

	many := &Report{Stack: "s", Diff: long}
	for range 40 {
		many.Security = append(many.Security, item("%s %s %s %s", slices.Repeat([]string{strings.Repeat("y", 5000)}, 4)...))
	}
	many.Replaced, many.Refused, many.Ignored = many.Security, many.Security, many.Security
	text.Reset()
	require.NoError(t, WriteMarkdown(&text, []*Report{many, many}))
	require.Less(t, utf8.RuneCount(text.Bytes()), Limit)
	require.Contains(t, text.String(), "- and ")
}

// A report without anything to say is one line; a stack that cannot be compared says why.
func TestShortReports(t *testing.T) {
	t.Parallel()
	same := granting(get)
	quiet := New(same, same, graph.NewDiff(same, same), Options{})
	require.True(t, quiet.Quiet())
	failed := &Report{Stack: "new", Failed: "main cannot be planned: no file\nPulumi.new.yaml"}
	var text, markdown, object bytes.Buffer
	require.NoError(t, WriteText(&text, []*Report{quiet, failed}))
	require.Equal(t, "s: no difference\n\nnew: there is nothing to compare with\n  main cannot be planned: no file\n  Pulumi.new.yaml\n",
		text.String())
	require.NoError(t, WriteMarkdown(&markdown, []*Report{quiet, failed}))
	require.Contains(t, markdown.String(), "#### `s`: no difference\n\n#### `new`: there is nothing to compare with\n")
	require.NoError(t, WriteJSON(&object, []*Report{quiet, failed}))
	var read struct {
		Stacks []struct{ Stack, Failed string }
	}
	require.NoError(t, json.Unmarshal(object.Bytes(), &read))
	require.Equal(t, "new", read.Stacks[1].Stack)
}
