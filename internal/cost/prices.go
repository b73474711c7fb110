// Package cost estimates what a planned graph costs a month: what is billed because it exists, from the graph, and what use adds, from
// a few assumptions of the owner. Prices are those of prices.yaml, which has their date and source.
package cost

import (
	"bytes"
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Hours of a month, as AWS's own estimates count them.
const Hours = 730

//go:embed prices.yaml
var pricesText []byte

// Price is one list price.
type Price struct {
	USD float64 `yaml:"usd"`
	Per string  `yaml:"per"`
}

// Region holds the prices of a region.
type Region struct {
	Name    string `yaml:"-"`
	Date    string `yaml:"date"` // year and month in which the prices were read
	Sources []struct {
		Page   string           `yaml:"page"`
		Prices map[string]Price `yaml:"prices"`
	} `yaml:"sources"`
	Instances map[string]float64 `yaml:"instances"` // of EC2, USD an hour by type
	Databases map[string]float64 `yaml:"databases"` // of RDS, USD an hour by class
	Off       map[string]float64 `yaml:"off"`       // parts of 1 that a discount takes off
}

// Prices are regions by name.
type Prices map[string]*Region

// Shipped returns the prices of prices.yaml.
func Shipped() (Prices, error) { return ReadPrices(pricesText) }

// ReadPrices reads a file like prices.yaml. It refuses keys that it does not know and prices that are not above 0.
func ReadPrices(text []byte) (Prices, error) {
	var prices Prices
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&prices); err != nil {
		return nil, fmt.Errorf("reading the prices: %w", err)
	}
	for name, r := range prices {
		if r == nil || r.Date == "" {
			return nil, fmt.Errorf("reading the prices: %s: want a date", name)
		}
		r.Name = name
		for _, s := range r.Sources {
			for what, p := range s.Prices {
				if p.USD <= 0 || p.Per == "" || s.Page == "" {
					return nil, fmt.Errorf("reading the prices: %s: %s: want a price above 0, what it is for, and its page", name, what)
				}
			}
		}
		for _, off := range r.Off {
			if off <= 0 || off >= 1 {
				return nil, fmt.Errorf("reading the prices: %s: a discount of %g: want a part of 1", name, off)
			}
		}
	}
	return prices, nil
}

// Of returns the prices of a region.
func (p Prices) Of(region string) (*Region, error) {
	r, ok := p[region]
	if !ok {
		return nil, fmt.Errorf("no prices of region %q: want one of %s, or add its prices to internal/cost/prices.yaml "+
			"(-prices reads another file)",
			region, strings.Join(slices.Sorted(maps.Keys(p)), ", "))
	}
	return r, nil
}

// price returns one price.
func (r *Region) price(name string) (float64, error) {
	for _, s := range r.Sources {
		if p, ok := s.Prices[name]; ok {
			return p.USD, nil
		}
	}
	return 0, fmt.Errorf("the prices of %s, %s, have no %q", r.Name, r.Date, name)
}
