package main

import (
	"fmt"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"
)

// priceList is what the page on sizes takes from the program's own table of list prices.
type priceList struct {
	Date      string
	Databases map[string]float64 // USD an hour
	Instances map[string]float64
	named     map[string]float64
}

// priceRegion is whose prices the page shows.
const priceRegion = "us-east-1"

// readPrices reads internal/cost/prices.yaml, which the program's estimates are made of.
func readPrices(root string) (*priceList, error) {
	path := filepath.Join(root, "internal", "cost", "prices.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var regions map[string]struct {
		Date    string
		Sources []struct {
			Prices map[string]struct {
				USD float64 `yaml:"usd"`
			}
		}
		Instances, Databases map[string]float64
	}
	if err := yaml.Unmarshal(text, &regions); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	region, ok := regions[priceRegion]
	if !ok {
		return nil, fmt.Errorf("%s has no prices of %s", path, priceRegion)
	}
	p := &priceList{Date: region.Date, Databases: region.Databases, Instances: region.Instances, named: map[string]float64{}}
	for _, s := range region.Sources {
		for name, price := range s.Prices {
			p.named[name] = price.USD
		}
	}
	for _, name := range []string{"taskCPU-ARM64", "taskMemory-ARM64", "apiCalls", "stored", "databaseVolume"} {
		if p.named[name] <= 0 {
			return nil, fmt.Errorf("%s: %s: want a price of %s", path, priceRegion, name)
		}
	}
	return p, nil
}
