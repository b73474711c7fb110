package proof

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/internal/infratest"
	"scalable-backend/internal/plan"
	"scalable-backend/internal/rules"
	"scalable-backend/internal/stack"
	"scalable-backend/system"
)

// ledger returns a new ledger with all waivers.
func ledger(t *testing.T) *rules.Ledger {
	t.Helper()
	waivers, err := rules.Waivers()
	require.NoError(t, err)
	return rules.NewLedger(waivers)
}

// unwaived returns a rule's findings without a waiver in this kind of stack, and how to fix them.
func unwaived(waivers *rules.Ledger, result rules.Result, stack string) (problems []string) {
	for _, f := range result.Findings {
		if _, ok := waivers.Waived(f, stack); !ok {
			problems = append(problems,
				fmt.Sprintf("%s\nfix it, or waive it in internal/rules/waivers.yaml: rule %s, resource %s, stacks [%s]",
					f, f.Rule, f.Subject(), stack))
		}
	}
	return problems
}

// Every rule holds in the shipped stacks or has a waiver, and every waiver is needed.
func TestRules(t *testing.T) {
	t.Parallel()
	for _, stack := range []string{rules.Dev, rules.Prod} {
		t.Run(stack, func(t *testing.T) {
			waivers := ledger(t)
			for _, result := range rules.Evaluate(planned(t, stack), stack == rules.Prod) {
				if len(result.Subjects) == 0 {
					continue // the rule does not apply here; TestRulesInGeneratedConfigurations checks that it applies somewhere
				}
				t.Run(result.Rule.Case(), func(t *testing.T) {
					for _, problem := range unwaived(waivers, result, stack) {
						t.Error(problem)
					}
				})
			}
			for _, v := range waivers.Unused(stack) {
				t.Errorf("the waiver of %s for %s in %s is not needed: remove it", v.Rule, v.Resource, stack)
			}
		})
	}
}

// generatorSettings returns the seed of generated configurations, which RULES_SEED overrides, and the numbers of those that are planned:
// the ones of 200 that have all pairs of values, or all of RULES_CONFIGURATIONS.
func generatorSettings(t *testing.T) (seed uint64, numbers []int) {
	t.Helper()
	number := func(name string, otherwise int) int {
		v, err := strconv.Atoi(cmp.Or(os.Getenv(name), strconv.Itoa(otherwise)))
		require.NoError(t, err, name)
		return v
	}
	seed = uint64(number("RULES_SEED", 1))
	for n := range number("RULES_CONFIGURATIONS", 0) {
		numbers = append(numbers, n)
	}
	if numbers != nil {
		return seed, numbers
	}
	pairedOnce.Do(func() { paired = pairing(t, seed, 200) })
	return seed, paired
}

var (
	pairedOnce sync.Once
	paired     []int
)

// In generated configurations the rules hold or have a waiver for an owner's choice. Each rule must apply to some resource,
// otherwise it cannot fail, and each waiver must be needed.
func TestRulesInGeneratedConfigurations(t *testing.T) {
	t.Parallel()
	seed, numbers := generatorSettings(t)
	t.Logf("seed %d; repeat with RULES_SEED=%d, one configuration with -run '%s/all/%s'", seed, seed, t.Name(), "configuration-<n>$")
	var mu sync.Mutex
	waivers, asked, done := ledger(t), map[string]int{}, 0
	note := func(results []rules.Result) (open []string) {
		mu.Lock()
		defer mu.Unlock()
		done++
		for _, r := range results {
			asked[r.Rule.Name] += len(r.Subjects)
			open = append(open, unwaived(waivers, r, rules.Generated)...)
		}
		return open
	}
	t.Run("all", func(t *testing.T) {
		for _, i := range numbers {
			t.Run(fmt.Sprintf("configuration-%d", i), func(t *testing.T) {
				t.Parallel()
				c, g := generated(t, seed, i)
				open := note(rules.Evaluate(g, c.production))
				require.Empty(t, open, "%s\nstack %s\n%s", strings.Join(open, "\n"), c.stack, c.text)
			})
		}
	})
	if done < len(numbers) || t.Failed() {
		return // not all configurations ran
	}
	for _, r := range rules.All() {
		require.NotZero(t, asked[r.Name], "%s applies to no resource of any configuration: it cannot fail", r.Name)
	}
	for _, v := range waivers.Unused(rules.Generated) {
		t.Errorf("no configuration needs the waiver of %s for %s: remove it", v.Rule, v.Resource)
	}
}

// The stack files in the root belong to their owner. Each can be planned, and its rules hold or have a waiver for an owner's
// choice. Of a stack with `environment:` the plan does not see every value, so what is wrong with it is only reported.
func TestRulesInTheOwnersStacks(t *testing.T) {
	t.Parallel()
	stacks := plan.Stacks(root)
	require.NotEmpty(t, stacks)
	for _, name := range stacks {
		t.Run(name, func(t *testing.T) {
			problems, unseen := ownersStack(t, plan.Options{Dir: root, Program: infratest.Inline(system.Program), Stack: name})
			if unseen != nil {
				t.Log(unseen)
				t.Log(problems)
				return
			}
			require.Empty(t, problems)
		})
	}
}

// ownersStack returns what is wrong with a stack, and what the plan does not see of it: nil if it sees everything.
func ownersStack(t *testing.T, o plan.Options) (problems []string, unseen *plan.Unseen) {
	t.Helper()
	g, err := plan.Run(t.Context(), o)
	if err != nil {
		if hidden := (*plan.UnseenError)(nil); errors.As(err, &hidden) {
			unseen = hidden.Unseen
		}
		return []string{err.Error()}, unseen
	}
	waivers := ledger(t)
	for _, result := range rules.Evaluate(g, stack.Production(o.Stack)) {
		problems = append(problems, unwaived(waivers, result, rules.Generated)...)
	}
	return problems, g.Unseen
}

// What a stack's file does not say because an environment says it is reported and fails nothing; the same without `environment:` fails,
// and with the values in the local file the rules are asked as of any other stack.
func TestOwnersStackWithEnvironments(t *testing.T) {
	t.Parallel()
	stackOf := func(text, local string) plan.Options {
		o := fileOptions(t, "mine", text)
		if local != "" {
			require.NoError(t, os.WriteFile(strings.TrimSuffix(o.StackFile, ".yaml")+".local.yaml", []byte(local), 0o600))
		}
		return o
	}
	const environment = "environment: [team/shared]\n"
	problems, unseen := ownersStack(t, stackOf(environment+"config: {}", ""))
	require.Contains(t, strings.Join(problems, "\n"), "aws:region")
	require.NotNil(t, unseen)
	require.Contains(t, unseen.Keys, "network")

	problems, unseen = ownersStack(t, stackOf("config: {}", ""))
	require.Contains(t, strings.Join(problems, "\n"), "aws:region")
	require.Nil(t, unseen)

	problems, unseen = ownersStack(t, stackOf(environment+"config: {}", "config: {aws:region: us-east-1, network: {azCount: 3}}"))
	require.Empty(t, problems)
	require.NotNil(t, unseen)
	require.NotContains(t, unseen.Keys, "network")
}

// docs/security.md lists the current rules and their results; `make golden` writes it.
func TestSecurityPage(t *testing.T) {
	t.Parallel()
	waivers, err := rules.Waivers()
	require.NoError(t, err)
	want := rules.Page(planned(t, rules.Dev), planned(t, rules.Prod), waivers)
	require.NotContains(t, want, "**open**")
	requireFile(t, filepath.Join(root, "docs/security.md"), want)
}
