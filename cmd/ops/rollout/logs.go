package rollout

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"scalable-backend/cmd/ops/account"
)

const (
	tailLines   = 8
	lineColumns = 400 // of one line of a log
)

// tail prints the last lines of a log stream. It reports whether there were any.
func (s *session) tail(ctx context.Context, what, group, stream string) bool {
	if group == "" {
		s.say.Line("  log of %s: the output logGroups does not name its log group", what)
		return false
	}
	found, err := s.logs.GetLogEvents(ctx, &cloudwatchlogs.GetLogEventsInput{
		LogGroupName: &group, LogStreamName: &stream, Limit: aws.Int32(tailLines), StartFromHead: aws.Bool(false),
	})
	var missing *types.ResourceNotFoundException
	switch {
	case errors.As(err, &missing):
		s.say.Line("  log of %s: there is no stream %s in %s: the container has not started, or may not write there", what, stream, group)
		return false
	case err != nil:
		s.say.Line("  log of %s: %v", what, account.Explain(err))
		return false
	case len(found.Events) == 0:
		s.say.Line("  log of %s: the stream %s in %s is empty", what, stream, group)
		return false
	}
	var lines []string
	for _, e := range found.Events {
		lines = append(lines, cut(aws.ToString(e.Message)))
	}
	s.say.Line("  the last lines of %s in %s:\n%s", stream, group, strings.Join(lines, "\n"))
	return true
}

// tailInstances prints the last log lines of an instance that fails, or of one that was terminated because it did.
func (s *session) tailInstances(ctx context.Context, doors []door) {
	var failing []string
	for _, i := range s.backend.instances {
		id := aws.ToString(i.InstanceId)
		if s.backend.isWanted(i) && slices.ContainsFunc(doors, func(d door) bool { return !d.healthy(id) }) {
			failing = append(failing, id)
		}
	}
	failing = append(failing, s.backend.suspects...)
	if len(failing) == 0 {
		return
	}
	id := failing[0]
	if s.tail(ctx, "instance "+id, s.stack.LogGroup("backend"), "backend/"+id) {
		return
	}
	console, err := s.ec2.GetConsoleOutput(ctx, &ec2.GetConsoleOutputInput{InstanceId: &id, Latest: aws.Bool(true)})
	if err != nil {
		s.say.Line("  system log of instance %s: %v", id, account.Explain(err))
		return
	}
	text, err := base64.StdEncoding.DecodeString(aws.ToString(console.Output))
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if err != nil || len(text) == 0 {
		s.say.Line("  system log of instance %s: none yet", id)
		return
	}
	lines = lines[max(0, len(lines)-tailLines):]
	for i := range lines {
		lines[i] = cut(lines[i])
	}
	s.say.Line("  the last lines of the system log of instance %s:\n%s", id, strings.Join(lines, "\n"))
}

func cut(line string) string {
	line = strings.TrimRight(strings.ReplaceAll(line, "\n", " "), "\r ")
	if utf8.RuneCountInString(line) > lineColumns {
		return string([]rune(line)[:lineColumns]) + "…"
	}
	return line
}
