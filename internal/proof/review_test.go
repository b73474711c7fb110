package proof

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"scalable-backend/internal/cost"
	"scalable-backend/internal/graph"
	"scalable-backend/internal/infratest"
	"scalable-backend/internal/plan"
	"scalable-backend/internal/plan/shape"
	"scalable-backend/internal/review"
	"scalable-backend/system"
)

const (
	agentImage  = "123456789012.dkr.ecr.us-east-1.amazonaws.com/scalable-backend/prod/agent@sha256:"
	servicePart = "aws:iam/policy:Policy::compute-service"
)

// sample is a change of the configuration, or of the inputs of one resource as a change of the program would make it.
type sample struct {
	stack       string
	before, set map[string]string // settings of both sides, and of the changed side
	resource    string            // type::name
	change      func(inputs pulumi.Map)
	want        []string // what its text says besides the rest
}

var samples = map[string]sample{
	"wider-security-group": {stack: "dev", before: map[string]string{"compute.allowedCidrs[0]": "203.0.113.7/32"},
		set:  map[string]string{"compute.allowedCidrs[0]": "203.0.113.0/24"},
		want: []string{"203.0.113.0/24 can newly reach aws lb LoadBalancer compute-alb on tcp 80"}},
	"bigger-database": {stack: "prod", set: map[string]string{"database.instanceClass": "db.m7g.xlarge", "compute.desiredCapacity": "4"},
		want: []string{"+246.74", "desiredCapacity: it is ignored after creation, so 3 -> 4 will not apply"}},
	"renamed-bucket": {stack: "prod", resource: "aws:s3/bucketV2:BucketV2::storage-data",
		change: func(inputs pulumi.Map) { inputs["bucket"] = pulumi.String("files-of-the-catalogue") },
		want:   []string{"aws s3 BucketV2 storage-data would be replaced, which is refused, as it is protected"}},
	"new-iam-action": {stack: "prod", resource: servicePart, change: editPolicy(func(statements []any) []any {
		first := statements[0].(map[string]any)
		first["Action"] = append(first["Action"].([]any), "s3:PutObjectAcl")
		return statements
	}), want: []string{"aws iam Role compute-instance gains s3:PutObjectAcl on aws s3 BucketV2 storage-data/*",
		"prod: 1 change of security\n"}},
	"image-digest": {stack: "prod", before: map[string]string{"images.agent": agentImage + strings.Repeat("1", 64)},
		set:  map[string]string{"images.agent": agentImage + strings.Repeat("2", 64)},
		want: []string{"prod: 1 other image\n", "2222"}},
	// The statements stand in another order, and so do the actions: the text differs, and means the same.
	"no-op-refactoring": {stack: "prod", resource: servicePart, change: editPolicy(func(statements []any) []any {
		slices.Reverse(statements[0].(map[string]any)["Action"].([]any))
		slices.Reverse(statements)
		return statements
	}), want: []string{"prod: nothing that matters to security, data or cost (1 to update)"}},
}

// editPolicy changes the statements of a policy.
func editPolicy(edit func([]any) []any) func(pulumi.Map) {
	return func(inputs pulumi.Map) {
		inputs["policy"] = pulumi.All(inputs["policy"]).ApplyT(func(values []any) (string, error) {
			var document map[string]any
			if err := json.Unmarshal([]byte(values[0].(string)), &document); err != nil {
				return "", err
			}
			document["Statement"] = edit(document["Statement"].([]any))
			text, err := json.Marshal(document)
			return string(text), err
		}).(pulumi.StringOutput)
	}
}

// changed runs the program with the inputs of one resource changed.
func changed(key string, change func(pulumi.Map)) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		err := ctx.RegisterResourceTransform(func(_ context.Context, a *pulumi.ResourceTransformArgs) *pulumi.ResourceTransformResult {
			if a.Type+"::"+a.Name != key {
				return nil
			}
			change(a.Props)
			return &pulumi.ResourceTransformResult{Props: a.Props, Opts: a.Opts}
		})
		if err != nil {
			return err
		}
		return system.Program(ctx)
	}
}

func (s sample) report(t *testing.T) *review.Report {
	t.Helper()
	before := plannedWith(t, s.stack, s.before)
	settings := maps.Clone(s.before)
	if settings == nil {
		settings = map[string]string{}
	}
	maps.Copy(settings, s.set)
	o := configured(s.stack, settings)
	if s.change != nil {
		o.Program = infratest.Inline(changed(s.resource, s.change))
	}
	after, diff, err := plan.Compare(t.Context(), before, o)
	require.NoError(t, err)
	return review.New(before, after, diff, reviewOptions(t))
}

func reviewOptions(t *testing.T) review.Options {
	t.Helper()
	prices, err := cost.Shipped()
	require.NoError(t, err)
	usage, err := cost.ShippedUsage()
	require.NoError(t, err)
	return review.Options{Prices: prices, Usage: usage}
}

// The reports of six usual changes are what testdata/review holds: as text, which is the comment, and as Markdown, the summary of the job.
func TestReviewSamples(t *testing.T) {
	t.Parallel()
	for name, s := range samples {
		t.Run(name, func(t *testing.T) {
			report := s.report(t)
			var text, markdown bytes.Buffer
			require.NoError(t, review.WriteText(&text, []*review.Report{report}))
			require.NoError(t, review.WriteMarkdown(&markdown, []*review.Report{report}))
			for _, want := range s.want {
				require.Contains(t, text.String(), want)
			}
			require.Less(t, utf8.RuneCount(markdown.Bytes()), review.Limit)
			requireFile(t, filepath.Join("testdata", "review", name+".txt"), text.String())
			requireFile(t, filepath.Join("testdata", "review", name+".md"), markdown.String())
		})
	}
}

// Two stacks that have nearly nothing in common, three times over, still fit into a comment.
func TestReviewFitsIntoAComment(t *testing.T) {
	t.Parallel()
	before, after := planned(t, "dev"), planned(t, "other")
	report := review.New(before, after, graph.NewDiff(before, after), reviewOptions(t))
	require.NotEmpty(t, report.Security)
	var markdown bytes.Buffer
	require.NoError(t, review.WriteMarkdown(&markdown, []*review.Report{report, report, report}))
	require.Less(t, utf8.RuneCount(markdown.Bytes()), review.Limit)
	require.Equal(t, 3, strings.Count(markdown.String(), "</details>"), "what is cut is closed")
	require.Contains(t, markdown.String(), "the rest is cut")
}

// A graph that was saved has ids and outputs again when it is read, so that its report is that of the plan.
func TestSavedGraphsAreRestored(t *testing.T) {
	t.Parallel()
	for _, stack := range []string{"dev", "prod", "other"} {
		g := planned(t, stack)
		file, err := os.Open(filepath.Join(root, "testdata", stack+".json"))
		require.NoError(t, err)
		read, err := graph.ReadGraph(file)
		require.NoError(t, err)
		require.NoError(t, file.Close())
		restored := shape.Restore(read)
		for _, r := range g.Resources {
			again, ok := restored.Find(r.Type, r.Name)
			require.True(t, ok, r.Key())
			if r.Custom {
				require.Equal(t, r.ID, again.ID, r.Key())
				require.Equal(t, r.State["arn"], again.State["arn"], r.Key())
			}
		}
		report := review.New(restored, g, graph.NewDiff(read, g), reviewOptions(t))
		if stack == "other" {
			require.Contains(t, report.Cost.Unknown, "no prices of region")
			report.Cost = nil
		}
		require.True(t, report.Quiet(), "%s: %s", stack, report.Title())
	}
}
