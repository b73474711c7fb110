// Command mutate makes one mistake in the tiers at a time and lists those that no test notices: `make mutate`, or
// `make mutate MUTATE=compute,network`. docs/testing.md explains the list.
//
// All mistakes are compiled into the same test binaries, so the compiler runs only once; an environment variable turns one mistake
// on (mutant schemata, R. Untch, A. Offutt, M. Harrold, ISSTA 1993).
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	packages := flag.String("packages", "network,storage,database,images,compute,fargate,api,monitoring,system",
		"directories whose code to change")
	only := flag.String("only", "", "change only mutants whose line in the list contains this text, such as compute/group.go")
	list := flag.Bool("list", false, "list the mutants and run nothing")
	quick := flag.Bool("quick", false, "leave out the rest of internal/proof, which takes half a minute for each mutant")
	flag.Parse()
	if err := run(strings.Split(*packages, ","), *only, *list, *quick); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

func run(packages []string, only string, list, quick bool) error {
	root, err := filepath.Abs(".")
	if err != nil {
		return err
	}
	work := filepath.Join(root, ".cache", "mutate")
	if err := os.MkdirAll(work, 0o755); err != nil {
		return err
	}
	mutants, overlay, err := rewrite(root, work, packages)
	if err != nil {
		return err
	}
	var chosen []mutation
	for _, m := range mutants {
		if strings.Contains(m.String(), only) {
			chosen = append(chosen, m)
		}
	}
	if list {
		for _, m := range chosen {
			fmt.Println(m.Number, m)
		}
		return nil
	}
	equivalent, err := readEquivalent(filepath.Join(root, equivalentFile))
	if err != nil {
		return err
	}
	start := time.Now()
	r := &runner{root: root, work: work, overlay: overlay}
	if err := r.build(packages); err != nil {
		return err
	}
	fmt.Printf("%d mutants, compiled in %s\n", len(chosen), time.Since(start).Round(time.Second))
	left, err := r.graphs(chosen)
	if err != nil {
		return err
	}
	noticed := map[string]int{"the golden graphs": len(chosen) - len(left)}
	stages := []stage{ownTests, quickTests, proofTests}
	if quick {
		stages = stages[:2]
	}
	for _, stage := range stages {
		before := len(left)
		if left, err = r.each(left, stage); err != nil {
			return err
		}
		noticed[stage.name] = before - len(left)
	}
	report(os.Stdout, chosen, left, noticed, equivalent, time.Since(start))
	return nil
}
