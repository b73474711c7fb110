package postgres

import (
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/stretchr/testify/require"
)

// A UUID goes as it is, alone and in arrays, in both of the protocol's formats; null leaves it alone, or gives a nil pointer.
func TestUUIDs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	want := uuid.MustParse("01020304-0506-4708-890a-0b0c0d0e0f10")
	for _, format := range []int16{pgtype.BinaryFormatCode, pgtype.TextFormatCode} {
		var id, none uuid.UUID
		var null, some *uuid.UUID
		var list []uuid.UUID
		var text string
		err := b.pool.QueryRow(t.Context(), `SELECT $1::uuid, NULL::uuid, NULL::uuid, $2::uuid, $3::uuid[], $1::uuid::text`,
			pgx.QueryResultFormats{format}, want, &want, []uuid.UUID{want, {}}).Scan(&id, &none, &null, &some, &list, &text)
		require.NoError(t, err)
		require.Equal(t, want, id)
		require.Zero(t, none)
		require.Nil(t, null)
		require.Equal(t, &want, some)
		require.Equal(t, []uuid.UUID{want, {}}, list)
		require.Equal(t, want.String(), text)
	}
}

func TestUUIDsAreNotWrittenAsText(t *testing.T) {
	t.Parallel()
	m := pgtype.NewMap()
	registerUUID(m)
	id := uuid.New()
	buf, err := m.Encode(pgtype.UUIDOID, pgtype.BinaryFormatCode, id, nil)
	require.NoError(t, err)
	require.Equal(t, id[:], buf)
	var back uuid.UUID
	require.IsType(t, scanUUID{}, m.PlanScan(pgtype.UUIDOID, pgtype.BinaryFormatCode, &back))
	require.NoError(t, m.Scan(pgtype.UUIDOID, pgtype.BinaryFormatCode, buf, &back))
	require.Equal(t, id, back)
	require.ErrorContains(t, m.Scan(pgtype.UUIDOID, pgtype.BinaryFormatCode, buf[:15], &back), "a UUID of 15 bytes")
}
