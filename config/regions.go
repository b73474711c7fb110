package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/aws-sdk-go-base/v2/endpoints"
)

// partitions are all of AWS's. The library makes its tables anew at each call.
var partitions = sync.OnceValue(endpoints.DefaultPartitions)

// covered are the partitions whose names, ARNs and principals this program knows.
var covered = []string{"aws", "aws-us-gov", "aws-cn"}

// regionProblem says what is wrong with a region, and which one to set instead. The regions are those that the AWS provider
// itself knows (hashicorp/aws-sdk-go-base); newer ones pass with aws:skipRegionValidation, as they do in the provider.
func regionProblem(region string, skipped bool) (want, example string) {
	var known []string
	for _, p := range partitions() {
		if _, found := p.Regions()[region]; found || p.RegionRegex().MatchString(region) {
			if !slices.Contains(covered, p.ID()) {
				return fmt.Sprintf("want a region of the partitions %s: %s belongs to %s, whose names this program does not know",
					strings.Join(covered, ", "), region, p.Name()), "us-east-1"
			}
			if found || skipped {
				return "", ""
			}
		}
		if slices.Contains(covered, p.ID()) {
			known = slices.AppendSeq(known, maps.Keys(p.Regions()))
		}
	}
	slices.Sort(known)
	if near := closest(region, known); near != "" {
		return "AWS has no such region; did you mean " + near + "? A region that is too new to be known here passes with " + skipRegionKey +
			" set to true", near
	}
	return "want an AWS region, such as us-east-1", "us-east-1"
}

// partition is the part of AWS that a region belongs to.
func partition(region string) string {
	if p, ok := endpoints.PartitionForRegion(partitions(), region); ok {
		return p.ID()
	}
	return "aws"
}

// offers tells whether a partition has a service, by the name of the service's endpoint.
func offers(partition, service string) bool {
	for _, p := range partitions() {
		if p.ID() == partition {
			_, ok := p.Services()[service]
			return ok
		}
	}
	return true
}
