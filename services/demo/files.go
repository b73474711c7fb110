package demo

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// file is one file of the demo: what it is called and what it must be, wherever it ends up.
type file struct {
	name   string
	size   int64
	sha256 [sha256.Size]byte
}

// sizes returns n sizes that add up to total: the edge cases first, the rest spread over two orders of magnitude.
func sizes(n int, total int64, seed uint64) []int64 {
	rng := rand.New(rand.NewPCG(seed, 1))
	out := append([]int64(nil), edgeSizes...)
	rest := n - len(out)
	left := total - edgeBytes
	weights := make([]float64, rest)
	sum := 0.0
	for i := range weights {
		weights[i] = 0.02 + rng.ExpFloat64()
		sum += weights[i]
	}
	spare := left - int64(rest) // every file has a byte at least
	used := int64(0)
	for i, w := range weights {
		size := 1 + int64(float64(spare)*w/sum)
		if i == rest-1 {
			size = left - used
		}
		used += size
		out = append(out, size)
	}
	return out
}

// makeFiles writes the files into dir. Their bytes come from a generator with a fixed seed and do not compress.
func makeFiles(dir string, s Settings, progress func(int64)) ([]file, error) {
	const seed = 20260101
	var files []file
	for i, size := range sizes(s.Files, s.Bytes, seed) {
		f := file{name: fmt.Sprintf("file-%05d.bin", i+1), size: size}
		var key [32]byte
		binary.LittleEndian.PutUint64(key[:], seed+uint64(i))
		out, err := os.Create(filepath.Join(dir, f.name))
		if err != nil {
			return nil, fmt.Errorf("making a file: %w", err)
		}
		hash := sha256.New()
		_, err = io.Copy(io.MultiWriter(out, hash), io.LimitReader(rand.NewChaCha8(key), size))
		if closeErr := out.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			return nil, fmt.Errorf("making %s: %w", f.name, err)
		}
		f.sha256 = [sha256.Size]byte(hash.Sum(nil))
		files = append(files, f)
		progress(size)
	}
	return files, nil
}

// verification is what was found in the agents' output.
type verification struct {
	verified int      // files whose digest is right
	copies   int      // files found, second copies included
	problems []string // anything missing, wrong or unexpected
}

// verifyOutput reads every published file in the agents' output directories and compares it with what went in.
func verifyOutput(files []file, outputs []string) (verification, error) {
	want := map[string]file{}
	for _, f := range files {
		want[f.name] = f
	}
	var v verification
	found := map[string]int{}
	for _, dir := range outputs {
		entries, err := os.ReadDir(dir)
		if os.IsNotExist(err) {
			continue // an agent that was never given a job
		}
		if err != nil {
			return v, err
		}
		for _, e := range entries {
			if e.IsDir() {
				continue
			}
			f, known := want[e.Name()]
			if !known {
				v.problems = append(v.problems, fmt.Sprintf("unexpected file %s", filepath.Join(dir, e.Name())))
				continue
			}
			v.copies++
			sum, size, err := digest(filepath.Join(dir, e.Name()))
			if err != nil {
				return v, err
			}
			if sum != f.sha256 || size != f.size {
				v.problems = append(
					v.problems,
					fmt.Sprintf("%s: %d bytes with SHA-256 %x, want %d with %x", filepath.Join(dir, e.Name()), size, sum, f.size, f.sha256),
				)
				continue
			}
			if found[f.name]++; found[f.name] == 1 {
				v.verified++
			}
		}
	}
	for _, f := range files {
		if found[f.name] == 0 {
			v.problems = append(v.problems, fmt.Sprintf("%s: published by no agent", f.name))
		}
	}
	return v, nil
}

func digest(path string) (sum [sha256.Size]byte, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return sum, 0, err
	}
	defer f.Close() //nolint:errcheck // nothing was written to it
	hash := sha256.New()
	size, err = io.Copy(hash, f)
	return [sha256.Size]byte(hash.Sum(nil)), size, err
}
