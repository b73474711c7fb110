package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"

	"scalable-backend/internal/cost"
)

// estimate prints what a month costs.
func estimate(ctx context.Context, s *session, flags *flag.FlagSet, args []string) error {
	from := sourceFlags(flags)
	usageFile := flags.String("usage", "", "what a month uses: a `file` with some of the keys of internal/cost/usage.yaml")
	pricesFile := flags.String("prices", "", "other prices: a `file` like internal/cost/prices.yaml")
	asJSON := flags.Bool("json", false, "print the estimate as one JSON object")
	var most limit
	flags.Var(&most, "max", "fail, with status 3, if the estimate is above monitoring.monthlyBudgetUsd; -max=900 above 900 `USD`")
	if err := parse(s, flags, args); err != nil {
		return err
	}
	for _, arg := range s.args {
		if _, err := strconv.ParseFloat(arg, 64); err == nil && most.set {
			return wrong(flags, "unexpected argument %q: -max takes its value after an equals sign, -max=%[1]s", arg)
		}
	}
	prices, usage, err := assumptions(*pricesFile, *usageFile)
	if err != nil {
		return err
	}
	g, err := from.graph(ctx, s, flags)
	if err != nil {
		return err
	}
	e, err := cost.Of(g, prices, usage)
	if err != nil {
		return err
	}
	if most.set && most.usd == 0 {
		if most.usd = e.Budget; e.Budget == 0 {
			return errors.New("-max: the stack has no budget: want -max=<USD>")
		}
	}
	write := e.WriteText
	if *asJSON {
		write = e.WriteJSON
	}
	var text bytes.Buffer
	if err := write(&text); err != nil {
		return err
	}
	if _, err := s.stdout.Write(text.Bytes()); err != nil {
		return err
	}
	if most.set && e.USD > most.usd {
		return exit{tooMuch, fmt.Errorf("the estimate of %s, %.2f USD a month, is above %.2f", e.Stack, e.USD, most.usd)}
	}
	return nil
}

// assumptions reads prices and usage, the shipped ones without a file.
func assumptions(pricesFile, usageFile string) (prices cost.Prices, usage cost.Usage, err error) {
	if prices, err = cost.Shipped(); pricesFile != "" {
		var text []byte
		if text, err = os.ReadFile(pricesFile); err == nil {
			prices, err = cost.ReadPrices(text)
		}
	}
	if err != nil {
		return nil, usage, err
	}
	if usageFile == "" {
		usage, err = cost.ShippedUsage()
		return prices, usage, err
	}
	text, err := os.ReadFile(usageFile)
	if err != nil {
		return nil, usage, err
	}
	if usage, err = cost.ReadUsage(bytes.NewReader(text)); err != nil {
		err = fmt.Errorf("%s: %w", usageFile, err)
	}
	return prices, usage, err
}

// limit is the value of -max, which may stand alone.
type limit struct {
	set bool
	usd float64 // 0: the budget
}

func (l *limit) String() string   { return "" }
func (l *limit) IsBoolFlag() bool { return true }

func (l *limit) Set(text string) error {
	if text == "true" { // the flag alone
		l.set = true
		return nil
	}
	usd, err := strconv.ParseFloat(text, 64)
	if err != nil || !(usd > 0) {
		return errors.New("want a number of USD above 0")
	}
	l.set, l.usd = true, usd
	return nil
}
