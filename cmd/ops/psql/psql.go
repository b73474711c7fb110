// Package psql opens a session of psql on the stack's database, which has no way in from the internet: through an instance of the backend,
// with AWS's Session Manager. The password is in psql's environment, never on a command line.
package psql

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"scalable-backend/cmd/ops/account"
	"scalable-backend/cmd/ops/command"
	"scalable-backend/cmd/ops/procedure"
	"scalable-backend/cmd/ops/stack"
)

// Command is the entry in the table.
func Command() command.Command {
	return command.Command{
		Name: "psql", Summary: "open psql on the database, through an instance of the backend",
		Usage: "[-stack STACK] [-write] [-dry-run] [-- arguments of psql]", Run: run,
	}
}

func run(ctx context.Context, env *command.Env, args []string) error {
	var forPsql []string
	if i := slices.Index(args, "--"); i >= 0 {
		args, forPsql = args[:i], args[i+1:]
	}
	flags := env.Flags(Command())
	from := stack.Flags(flags)
	o := Options{Args: forPsql}
	dry := flags.Bool("dry-run", false, "print the calls and make none")
	flags.StringVar(&o.Instance, "instance", "", "another `instance` of RDS with the same password, such as a restored one")
	flags.BoolVar(&o.Write, "write", false, "let statements change data; without, transactions are read-only")
	flags.BoolVar(&o.Previous, "previous", false, "the password before the last rotation")
	flags.StringVar(&o.Bundle, "ca", "", "a `file` with the certificates of RDS; without, AWS's bundle is fetched")
	flags.IntVar(&o.Port, "port", 0, "the local `port`; 0 takes a free one")
	if _, err := command.Parse(flags, args, 0); err != nil {
		return err
	}
	if o.Port < 0 || o.Port > 65535 {
		return command.Wrong(flags, "-port %d: want 0 to 65535", o.Port)
	}
	s, err := from.Load(ctx, env)
	if err != nil {
		return err
	}
	r := &procedure.Run{Env: env, Stack: s, Dry: *dry}
	var config aws.Config
	if !r.Dry {
		mine, err := account.Open(ctx, env, s)
		if err != nil {
			return err
		}
		config = mine.Config
	}
	return account.Explain(Session(ctx, r, config, o))
}

// Options of one session.
type Options struct {
	Instance string // of RDS; "" is the stack's own
	Write    bool
	Previous bool   // the password before the last rotation
	Bundle   string // a file with the certificates of RDS; "" fetches AWS's
	Port     int    // the local one; 0 takes a free one
	Args     []string
}

// credentials is the document in the secret.
type credentials struct {
	Host     string `json:"host"`
	Port     int    `json:"port"`
	DBName   string `json:"dbname"`
	Username string `json:"username"`
	Password string `json:"password"`
}

// Session runs psql until it ends.
func Session(ctx context.Context, r *procedure.Run, config aws.Config, o Options) error {
	secret, err := readSecret(ctx, r, config, o.Previous)
	if err != nil {
		return err
	}
	if o.Instance != "" {
		if secret.Host, err = address(ctx, r, config, o.Instance); err != nil {
			return err
		}
	}
	bundle, remove, err := bundleFile(ctx, r, o.Bundle)
	if err != nil {
		return err
	}
	defer remove()
	way, err := openTunnel(ctx, r, config, secret.Host, secret.Port, o.Port)
	if err != nil {
		return err
	}
	defer way.close(ctx)
	local := strconv.Itoa(way.port)
	variables := []string{
		"PGHOST=" + secret.Host, "PGHOSTADDR=127.0.0.1", "PGPORT=" + local, "PGUSER=" + secret.Username, "PGDATABASE=" + secret.DBName,
		"PGSSLMODE=verify-full", "PGSSLROOTCERT=" + bundle, "PGPASSWORD=" + secret.Password, "PGCONNECT_TIMEOUT=20", "PGAPPNAME=ops",
	}
	if !o.Write {
		variables = append(variables, "PGOPTIONS=-c default_transaction_read_only=on")
	}
	if r.Dry {
		r.Say("  PGHOST=%s PGHOSTADDR=127.0.0.1 PGPORT=%s PGSSLMODE=verify-full PGPASSWORD=… %s", secret.Host, local,
			procedure.Line(append([]string{"psql"}, o.Args...)...))
		return nil
	}
	err = r.Env.Attached(ctx, command.Attached{Dir: r.Stack.Dir, Name: "psql", Args: o.Args, Env: variables})
	if errors.Is(err, command.ErrMissing) {
		return errors.New("psql is not installed: it comes with PostgreSQL's client (postgresql-client, or libpq of Homebrew)")
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 2 { // "psql", EXIT STATUS: the connection was bad
		return fmt.Errorf("%w (\"password authentication failed\": a rotation is under way, or was since the backup: -previous)", err)
	}
	return err
}

func readSecret(ctx context.Context, r *procedure.Run, config aws.Config, previous bool) (credentials, error) {
	arn, err := r.Stack.Output("databaseSecretArn")
	if err != nil {
		return credentials{}, err
	}
	in := &secretsmanager.GetSecretValueInput{SecretId: aws.String(arn)}
	if previous {
		in.VersionStage = aws.String("AWSPREVIOUS")
	}
	found, err := procedure.Read(ctx, r, "secretsmanager", secretsmanager.NewFromConfig(config).GetSecretValue, in,
		&secretsmanager.GetSecretValueOutput{SecretString: aws.String(
			`{"host":"<host of the secret>","port":5432,"dbname":"backend","username":"backend","password":"…"}`)})
	if err != nil {
		return credentials{}, err
	}
	var out credentials
	if err := json.Unmarshal([]byte(aws.ToString(found.SecretString)), &out); err != nil || out.Host == "" || out.Password == "" ||
		out.Port == 0 {
		return credentials{}, fmt.Errorf("the secret %s: want a JSON object with host, port, dbname, username and password",
			arn) // and not its text
	}
	return out, nil
}

func address(ctx context.Context, r *procedure.Run, config aws.Config, instance string) (string, error) {
	found, err := procedure.Read(ctx, r, "rds", rds.NewFromConfig(config).DescribeDBInstances,
		&rds.DescribeDBInstancesInput{DBInstanceIdentifier: aws.String(instance)}, nil)
	if err != nil {
		return "", err
	}
	if r.Dry {
		return "<address of " + instance + ">", nil
	}
	if len(found.DBInstances) == 0 || found.DBInstances[0].Endpoint == nil || aws.ToString(found.DBInstances[0].Endpoint.Address) == "" {
		return "", fmt.Errorf("the instance %s has no address yet: it is being made", instance)
	}
	return aws.ToString(found.DBInstances[0].Endpoint.Address), nil
}

// forward is what the plugin is told to do.
func forward(instance, host string, port, local int) *ssm.StartSessionInput {
	return &ssm.StartSessionInput{
		Target: aws.String(instance), DocumentName: aws.String("AWS-StartPortForwardingSessionToRemoteHost"),
		Parameters: map[string][]string{"host": {host}, "portNumber": {strconv.Itoa(port)}, "localPortNumber": {strconv.Itoa(local)}},
	}
}
