package postgres

import (
	"context"
	"embed"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var embedded embed.FS

// Migrate brings the schema to this binary's version. Several processes may call it at once: one works, the others wait. A
// schema that is newer already is left alone: older binaries run on it.
func (s *Store) Migrate(ctx context.Context) error {
	files, err := fs.Sub(embedded, "migrations")
	if err != nil {
		return err
	}
	return s.migrate(ctx, files)
}

func (s *Store) migrate(ctx context.Context, files fs.FS) error {
	if err := s.Ping(ctx); err != nil { // has the credentials read again if need be
		return err
	}
	config, err := s.poolConfig()
	if err != nil {
		return err
	}
	// A migration may take long; what it waits for may not: everybody else would queue up behind it.
	config.ConnConfig.RuntimeParams["statement_timeout"] = "0"
	db := stdlib.OpenDB(*config.ConnConfig, stdlib.OptionBeforeConnect(config.BeforeConnect))
	defer db.Close()
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	if err != nil {
		return fmt.Errorf("making the lock of the migrations: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files,
		goose.WithSessionLocker(locker), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("reading the migrations: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return mapError(fmt.Errorf("migrating the schema: %w", err))
	}
	return nil
}
