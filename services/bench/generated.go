package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"scalable-backend/services/internal/servers"
)

// memoryRow is what one download of a size takes.
type memoryRow struct {
	Bytes        int64
	RSS, Journal int64 // bytes, the most at one time
	Wall         time.Duration
	Omitted      string // why the size was not measured
}

// generated is a file that no disk holds: one block of random bytes, again and again.
type generated struct {
	size int64
	at   int64
}

// generatedBlock is the block, of a size that divides a part's.
var generatedBlock = func() []byte {
	block := make([]byte, mib)
	_, _ = mathrand.NewChaCha8([32]byte{1}).Read(block) // it cannot fail
	return block
}()

func (g *generated) Read(to []byte) (n int, err error) {
	if g.at >= g.size {
		return 0, io.EOF
	}
	from := g.at % int64(len(generatedBlock))
	n = copy(to[:min(int64(len(to)), g.size-g.at)], generatedBlock[from:])
	g.at += int64(n)
	return n, nil
}

// Seek implements io.Seeker.
func (g *generated) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += g.at
	case io.SeekEnd:
		offset += g.size
	}
	if offset < 0 {
		return 0, errors.New("seeking before the beginning")
	}
	g.at = offset
	return offset, nil
}

// digests returns the file's digest, and those of its parts one after the other.
func (g *generated) digests(partSize int64) (whole []byte, parts []byte, err error) {
	sum := sha256.New()
	for left := g.size; left > 0; left -= partSize {
		part := &generated{size: min(left, partSize)} // each begins with a block
		one := sha256.New()
		if _, err := io.Copy(io.MultiWriter(sum, one), part); err != nil {
			return nil, nil, err
		}
		parts = one.Sum(parts)
	}
	return sum.Sum(nil), parts, nil
}

// serveGenerated answers as S3 does, for objects whose key ends in their size.
func serveGenerated(w http.ResponseWriter, r *http.Request) {
	size, err := strconv.ParseInt(r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:], 10, 64)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("ETag", fmt.Sprintf(`"generated-%d"`, size))
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", time.Time{}, &generated{size: size})
}

// memory downloads a generated file of each size to the disk, and sees what memory and journal the agent needs.
func (r *rig) memory(ctx context.Context, sizes []int64) (rows []memoryRow, err error) {
	listener, err := servers.Listen("127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: http.HandlerFunc(serveGenerated), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }() // until Close
	defer server.Close()                       //nolint:errcheck // nothing is being served any more
	if r.apis["generated"], err = r.startBackend(ctx, "http://"+listener.Addr().String(), "backend"); err != nil {
		return nil, err
	}
	for _, size := range sizes {
		if omitted, err := r.tooLarge(size); err != nil {
			return rows, err
		} else if omitted != "" {
			rows = append(rows, memoryRow{Bytes: size, Omitted: omitted})
			continue
		}
		row, err := r.memoryOfSize(ctx, size)
		if err != nil {
			return rows, fmt.Errorf("%s: %w", bytesText(size), err)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// tooLarge says why a file does not go on the disk: half of what is free has to stay so.
func (r *rig) tooLarge(size int64) (reason string, err error) {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(r.disk, &disk); err != nil {
		return "", err
	}
	if free := int64(disk.Bavail) * disk.Bsize; size > free/2 {
		return fmt.Sprintf("the disk had %d GiB free, of which a file may take half", free/gib), nil
	}
	return "", nil
}

func (r *rig) memoryOfSize(ctx context.Context, size int64) (row memoryRow, err error) {
	id, digest, err := r.register(ctx, size)
	if err != nil {
		return row, err
	}
	dir := filepath.Join(r.disk, "memory")
	journal := most(func() (total int64) {
		names, _ := filepath.Glob(filepath.Join(dir, "*", "*.journal")) // the pattern is right
		for _, name := range names {
			total += sizeOf(name)
		}
		return total
	})
	results, err := inTurn(ctx, dir, []peer{{
		Name: "agent fetch", Ours: true, Shell: `"$AGENT" fetch --json ` + id + ` > /dev/null`, Env: r.agentEnv("generated"),
		Check: func(dir string) error {
			if got, err := digestOf(filepath.Join(dir, generatedName(size))); err != nil || got != digest {
				return fmt.Errorf("its digest is %s, want %s (%w)", got, digest, err)
			}
			return nil
		},
	}}, 1, nil)
	row = memoryRow{Bytes: size, Journal: journal()}
	if err == nil {
		row.RSS, row.Wall = results[0].medians().RSS, results[0].medians().Wall
	}
	return row, err
}

// register puts a generated file into the catalogue.
func (r *rig) register(ctx context.Context, size int64) (id, digest string, err error) {
	const partSize = 8 * mib
	whole, parts, err := (&generated{size: size}).digests(partSize)
	if err != nil {
		return "", "", err
	}
	conn, err := pgx.Connect(ctx, r.postgres.URL("backend"))
	if err != nil {
		return "", "", err
	}
	defer conn.Close(ctx)
	v7, err := uuid.NewV7()
	if err != nil {
		return "", "", err
	}
	_, err = conn.Exec(ctx, `INSERT INTO files (id, name, size, sha256, part_size, part_sha256, state, s3_key, s3_version, ready_at)
		VALUES ($1, $2, $3, $4, $5, $6, 'ready', $2, 'null', now())`, v7, generatedName(size), size, whole, partSize, parts)
	return v7.String(), hex.EncodeToString(whole), err
}

// generatedName is a file's name, and the key of its object.
func generatedName(size int64) string { return fmt.Sprintf("generated/%d", size) }
