package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"scalable-backend/internal/mutate/mutant"
)

const proofDir = "internal/proof"

// runner compiles and runs the tests of the changed program.
type runner struct{ root, work, overlay string }

// binary returns the path of a package's test binary.
func (r *runner) binary(pkg string) string {
	return filepath.Join(r.work, strings.ReplaceAll(pkg, "/", "_")+".test")
}

func (r *runner) build(packages []string) error {
	for _, pkg := range append(slices.Clone(packages), proofDir) {
		command := exec.Command("go", "test", "-c", "-overlay", r.overlay, "-o", r.binary(pkg), "./"+pkg)
		command.Dir, command.Stdout, command.Stderr = r.root, os.Stderr, os.Stderr
		if err := command.Run(); err != nil {
			return fmt.Errorf("compiling the tests of %s: %w", pkg, err)
		}
	}
	return nil
}

// graphs returns the mutants that the golden graphs do not notice. They run in one process, because starting one takes longer
// than planning. A mutant that ends the process counts as noticed; a new process continues after it.
func (r *runner) graphs(mutants []mutation) (left []mutation, err error) {
	for len(mutants) > 0 {
		var numbers []string
		for _, m := range mutants {
			numbers = append(numbers, strconv.Itoa(m.Number))
		}
		command := exec.Command(r.binary(proofDir), "-test.run", "^TestMutants$", "-test.timeout", "0")
		command.Dir = filepath.Join(r.root, proofDir)
		command.Env = append(os.Environ(), "MUTANTS="+strings.Join(numbers, " "))
		var out bytes.Buffer
		command.Stdout = &out
		_ = command.Run() // the output tells how many mutants ran
		seen, noticed, done := 0, map[int]bool{}, false
		for lines := bufio.NewScanner(&out); lines.Scan(); {
			word, number, _ := strings.Cut(lines.Text(), " ")
			n, _ := strconv.Atoi(number)
			switch word {
			case "MUTANT":
				seen++
			case "NOTICED":
				noticed[n] = true
			case "DONE":
				done = true
			}
		}
		if seen == 0 {
			return nil, errors.New("the program without a mutant does not plan")
		}
		if !done { // the last mutant ended the process
			noticed[mutants[seen-1].Number] = true
		}
		for _, m := range mutants[:seen] {
			if !noticed[m.Number] {
				left = append(left, m)
			}
		}
		mutants = mutants[seen:]
	}
	fmt.Printf("the golden graphs do not notice %d\n", len(left))
	return left, nil
}

// stage is a set of tests that runs for one mutant at a time.
type stage struct {
	name    string
	dir     func(mutation) string
	args    []string
	env     []string
	timeout time.Duration
}

var ownTests = stage{
	name: "the tier's own tests", dir: func(m mutation) string { return filepath.Dir(m.File) }, timeout: time.Minute,
}

// The quick tests run first. They include the golden graphs again, because a mistake in a package variable has an effect only if
// it is on when the process starts.
var quickTests = stage{
	name: "the quick tests of internal/proof", dir: func(mutation) string { return proofDir }, timeout: time.Minute,
	args: []string{"-test.run", "^Test(GoldenGraphs|TiersRegisterTheirOutputs|Outputs)$"},
}

// EveryPlanIsTheSame is left out because it builds the program from the unchanged source.
var proofTests = stage{
	name: "the rest of internal/proof", dir: func(mutation) string { return proofDir }, timeout: 4 * time.Minute,
	args: []string{"-test.skip", "^Test(Mutants|GoldenGraphs|EveryPlanIsTheSame|TiersRegisterTheirOutputs|Outputs)$"},
	env:  []string{"RULES_CONFIGURATIONS=24"},
}

// each returns the mutants that a stage's tests do not notice.
func (r *runner) each(mutants []mutation, s stage) (left []mutation, err error) {
	for i, m := range mutants {
		noticed, err := r.fails(m.Number, s, s.dir(m))
		if err != nil {
			return nil, err
		}
		if !noticed {
			left = append(left, m)
			fmt.Printf("%d/%d %s do not notice %s\n", i+1, len(mutants), s.name, m)
		}
	}
	return left, nil
}

func (r *runner) fails(number int, s stage, pkg string) (bool, error) {
	ctx, cancel := context.WithTimeout(context.Background(), s.timeout)
	defer cancel()
	command := exec.CommandContext(ctx, r.binary(pkg), append([]string{"-test.failfast"}, s.args...)...)
	command.Dir = filepath.Join(r.root, pkg)
	command.Env = append(append(os.Environ(), s.env...), mutant.Variable+"="+strconv.Itoa(number))
	err := command.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && ctx.Err() == nil {
		return false, fmt.Errorf("running the tests of %s: %w", pkg, err)
	}
	return err != nil, nil
}
