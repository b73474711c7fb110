package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"scalable-backend/services/backend/config"
	"scalable-backend/services/backend/postgres"
)

const (
	// credentialsAhead is how long before their end credentials are renewed: URLs signed with them live at least so long.
	credentialsAhead = 5 * time.Minute
	// secretTTL is how long the database's credentials are used unread. A refusal has them read at once.
	secretTTL = 5 * time.Minute
)

// cloud is what the process gets from AWS, or locally from its environment.
type cloud struct {
	config  config.Config
	aws     aws.Config
	secrets secretReader
}

type secretReader interface {
	GetSecretValue(
		context.Context,
		*secretsmanager.GetSecretValueInput,
		...func(*secretsmanager.Options),
	) (*secretsmanager.GetSecretValueOutput, error)
}

func loadCloud(ctx context.Context, c config.Config, variables map[string]string) (*cloud, error) {
	options := []func(*awsconfig.LoadOptions) error{
		awsconfig.WithRegion(c.Region),
		awsconfig.WithCredentialsCacheOptions(func(o *aws.CredentialsCacheOptions) {
			o.ExpiryWindow, o.ExpiryWindowJitterFrac = credentialsAhead, 0.2
		}),
	}
	// The environment that was handed over counts, not the process's.
	if id := variables["AWS_ACCESS_KEY_ID"]; c.S3Endpoint != "" && id != "" {
		options = append(options, awsconfig.WithCredentialsProvider(
			credentials.NewStaticCredentialsProvider(id, variables["AWS_SECRET_ACCESS_KEY"], variables["AWS_SESSION_TOKEN"])))
	}
	loaded, err := awsconfig.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("loading the AWS configuration: %w", err)
	}
	return &cloud{config: c, aws: loaded, secrets: secretsmanager.NewFromConfig(loaded)}, nil
}

// read reads a secret that is a JSON object. Its text never gets into an error.
func (c *cloud) read(ctx context.Context, arn string, into any) error {
	out, err := c.secrets.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &arn})
	if err != nil {
		return fmt.Errorf("reading the secret %s: %w", arn, err)
	}
	if json.Unmarshal([]byte(aws.ToString(out.SecretString)), into) != nil {
		return fmt.Errorf("reading the secret %s: not the JSON object it should be", arn)
	}
	return nil
}

func (c *cloud) adminToken(ctx context.Context) (string, error) {
	if c.config.AdminToken != "" {
		return c.config.AdminToken, nil
	}
	var secret struct {
		Token string `json:"token"`
	}
	if err := c.read(ctx, c.config.AdminTokenSecretARN, &secret); err != nil {
		return "", err
	}
	if len(secret.Token) < 16 {
		return "", errors.New("the secret of the admin token holds no token of at least 16 characters")
	}
	return secret.Token, nil
}

func (c *cloud) databaseSecret() *secretCache {
	return newSecretCache(secretTTL, func(ctx context.Context) (postgres.Credentials, error) {
		var secret struct {
			Host     string      `json:"host"`
			Port     json.Number `json:"port"`
			DBName   string      `json:"dbname"`
			Username string      `json:"username"`
			Password string      `json:"password"`
		}
		if err := c.read(ctx, c.config.DatabaseSecretARN, &secret); err != nil {
			return postgres.Credentials{}, err
		}
		port, err := strconv.ParseUint(secret.Port.String(), 10, 16)
		if err != nil || secret.Host == "" || secret.DBName == "" || secret.Username == "" || secret.Password == "" {
			return postgres.Credentials{}, errors.New("the database's secret lacks one of host, port, dbname, username and password")
		}
		return postgres.Credentials{
			Host:     secret.Host,
			Port:     uint16(port),
			Database: secret.DBName,
			User:     secret.Username,
			Password: secret.Password,
		}, nil
	})
}
