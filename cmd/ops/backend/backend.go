// Package backend calls the stack's API: the few calls that procedures need.
package backend

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"scalable-backend/cmd/ops/command"
	"scalable-backend/cmd/ops/procedure"
)

// Client is one door of the API.
type Client struct {
	env  *command.Env
	url  string
	hint string // what to do when nobody answers
	sign func(ctx context.Context, r *http.Request) error
}

// Problem is an answer that is no success.
type Problem struct {
	Status int
	Title  string
	Detail string
}

// Error is its text.
func (p *Problem) Error() string {
	text := fmt.Sprintf("%d %s", p.Status, p.Title)
	if p.Detail != "" {
		text += ": " + p.Detail
	}
	return text
}

// Public is the load balancer's door, with the first administrator's token. A dry run prints where the token comes from.
func Public(ctx context.Context, r *procedure.Run, config aws.Config) (*Client, error) {
	url, err := r.Stack.Output("loadBalancerUrl")
	if err != nil {
		return nil, err
	}
	arn, err := r.Stack.Output("adminTokenSecretArn")
	if err != nil {
		return nil, err
	}
	found, err := procedure.Read(ctx, r, "secretsmanager", secretsmanager.NewFromConfig(config).GetSecretValue,
		&secretsmanager.GetSecretValueInput{SecretId: aws.String(arn)},
		&secretsmanager.GetSecretValueOutput{SecretString: aws.String(`{"token":"…"}`)})
	if err != nil {
		return nil, err
	}
	var secret struct {
		Token string `json:"token"`
	}
	if err := json.Unmarshal([]byte(aws.ToString(found.SecretString)), &secret); err != nil || secret.Token == "" {
		return nil, fmt.Errorf("the secret %s: want a JSON object with a token", arn)
	}
	const hint = " (is your address in compute.allowedCidrs? -gateway goes through API Gateway)"
	return &Client{env: r.Env, url: strings.TrimRight(url, "/"), hint: hint, sign: func(_ context.Context, request *http.Request) error {
		request.Header.Set("Authorization", "Bearer "+secret.Token)
		return nil
	}}, nil
}

// Gateway is API Gateway's door, with the caller's own AWS identity.
func Gateway(r *procedure.Run, config aws.Config) (*Client, error) {
	url, err := r.Stack.Output("apiUrl")
	if err != nil {
		return nil, err
	}
	signer := v4.NewSigner()
	empty := sha256.Sum256(nil) // no call here has a body
	return &Client{env: r.Env, url: strings.TrimRight(url, "/"), sign: func(ctx context.Context, request *http.Request) error {
		mine, err := config.Credentials.Retrieve(ctx)
		if err != nil {
			return fmt.Errorf("reading AWS credentials: %w", err)
		}
		return signer.SignHTTP(ctx, mine, request, hex.EncodeToString(empty[:]), "execute-api", config.Region, r.Env.Now())
	}}, nil
}

// URL is the address of a path.
func (c *Client) URL(path string) string { return c.url + path }

// The limits of one call. A call is repeated when nobody can have done anything about it, or when doing it twice is doing it once.
const (
	tries       = 4
	oneTry      = 30 * time.Second
	longestWait = 30 * time.Second
	mostAnswer  = 32 << 20
)

// Call sends a request and decodes the answer into out, unless it is nil. Busy and unreachable backends are asked again.
func (c *Client) Call(ctx context.Context, method, path string, out any) error {
	var err error
	for try := range tries {
		if try > 0 {
			if err := c.env.Sleep(ctx, wait(err, try)); err != nil {
				return err
			}
		}
		var body []byte
		body, err = c.once(ctx, method, path)
		if err == nil && out != nil {
			if err := json.Unmarshal(body, out); err != nil {
				return fmt.Errorf("%s %s: the answer is no JSON of the API: %w", method, c.url+path, err)
			}
		}
		if err == nil || ctx.Err() != nil || !passing(err) {
			break
		}
	}
	if err == nil {
		return nil
	}
	hint := ""
	if problem := (*Problem)(nil); ctx.Err() == nil && !errors.As(err, &problem) {
		hint = c.hint
	}
	return fmt.Errorf("%s %s: %w%s", method, c.url+path, err, hint)
}

// busy is a problem with the time after which it may be gone.
type busy struct {
	*Problem
	after time.Duration
}

func (b *busy) Unwrap() error { return b.Problem }

func (c *Client) once(ctx context.Context, method, path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, oneTry)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, c.url+path, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", "scalable-backend-ops")
	if err := c.sign(ctx, request); err != nil {
		return nil, err
	}
	answer, err := c.env.HTTP.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, mostAnswer))
	if err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	if answer.StatusCode == http.StatusOK {
		return body, nil
	}
	problem := &Problem{Status: answer.StatusCode}
	var document struct{ Title, Detail, Message string }
	if json.Unmarshal(bytes.TrimSpace(body), &document) == nil {
		problem.Title, problem.Detail = document.Title, document.Detail
	}
	if problem.Title == "" { // of API Gateway, or of a load balancer
		problem.Title, problem.Detail = http.StatusText(answer.StatusCode), document.Message
	}
	if answer.StatusCode == http.StatusTooManyRequests || answer.StatusCode >= http.StatusInternalServerError {
		seconds, _ := strconv.Atoi(answer.Header.Get("Retry-After")) // 0: no time is named
		return nil, &busy{problem, time.Duration(seconds) * time.Second}
	}
	return nil, problem
}

// passing tells whether another try may go better.
func passing(err error) bool {
	var problem *Problem
	var again *busy
	return errors.As(err, &again) || !errors.As(err, &problem)
}

func wait(err error, try int) time.Duration {
	after := time.Second << (try - 1)
	if again := (*busy)(nil); errors.As(err, &again) && again.after > 0 {
		after = again.after
	}
	return min(after, longestWait)
}
