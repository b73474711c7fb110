package download

import "fmt"

const (
	mib = 1 << 20

	pieceSize      = 8 * mib  // aimed at
	largePieceSize = 16 * mib // aimed at above largeFile
	largeFile      = 8 << 30

	bytesPerConnection = 32 * mib // one more connection for each so many bytes
	minConnections     = 2
	maxConnections     = 16

	maxBytes = 64 << 40 // of a file: more than an object can have, and sums of it do not overflow
)

// Plan says how a file is fetched; it is computed from sizes alone. Parts are what the catalogue has digests of; pieces are what is
// fetched with one range request each. A piece is a whole number of parts, or lies within one part, so that a part with wrong
// bytes can be fetched again alone.
type Plan struct {
	Size        int64
	PartSize    int64
	PieceSize   int64 // of every piece, but the last of the file or of a part
	Connections int
}

// NewPlan plans a file. limit is the most connections wanted.
func NewPlan(size, partSize int64, limit int) (Plan, error) {
	aim := int64(pieceSize)
	if size > largeFile {
		aim = largePieceSize
	}
	return newPlan(size, partSize, aim, limit)
}

func newPlan(size, partSize, aim int64, limit int) (Plan, error) {
	if size < 0 || partSize < 1 || aim < 1 || limit < 1 || max(size, partSize, aim) > maxBytes {
		return Plan{}, fmt.Errorf("planning %d bytes in parts of %d with %d connections: out of range", size, partSize, limit)
	}
	p := Plan{Size: size, PartSize: partSize, PieceSize: aim}
	if partSize <= aim {
		p.PieceSize = aim / partSize * partSize
	}
	wanted := max(minConnections, (size+bytesPerConnection-1)/bytesPerConnection)
	p.Connections = int(min(wanted, maxConnections, int64(limit), max(1, int64(p.Pieces()))))
	return p, nil
}

// Parts is the number of parts.
func (p Plan) Parts() int { return int(ceil(p.Size, p.PartSize)) }

// Pieces is the number of pieces.
func (p Plan) Pieces() int {
	if !p.split() || p.Size == 0 {
		return int(ceil(p.Size, p.PieceSize))
	}
	whole := int64(p.Parts() - 1)
	return int(whole*p.perPart() + ceil(p.Size-whole*p.PartSize, p.PieceSize))
}

// Piece returns the extent of piece i, counted from 0.
func (p Plan) Piece(i int) (from, to int64) {
	if !p.split() {
		from = int64(i) * p.PieceSize
		return from, min(from+p.PieceSize, p.Size)
	}
	part := int64(i) / p.perPart()
	from = part*p.PartSize + int64(i)%p.perPart()*p.PieceSize
	return from, min(from+p.PieceSize, (part+1)*p.PartSize, p.Size)
}

// part returns the extent of the part that holds an offset.
func (p Plan) part(offset int64) (n int, from, to int64) {
	n = int(offset / p.PartSize)
	from = int64(n) * p.PartSize
	return n, from, min(from+p.PartSize, p.Size)
}

// split reports whether parts are larger than pieces.
func (p Plan) split() bool { return p.PartSize > p.PieceSize }

// perPart is the number of pieces of every part but the last, when parts are split.
func (p Plan) perPart() int64 { return ceil(p.PartSize, p.PieceSize) }

func ceil(a, b int64) int64 { return (a + b - 1) / b }

// index returns the piece that begins at an offset; that of the file's end is Pieces().
func (p Plan) index(offset int64) int {
	if offset >= p.Size {
		return p.Pieces()
	}
	if !p.split() {
		return int(offset / p.PieceSize)
	}
	return int(offset/p.PartSize*p.perPart() + offset%p.PartSize/p.PieceSize)
}
