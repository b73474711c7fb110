package shape

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// Invoke returns a made-up result of a provider function. An unknown function is an error, because an empty result would look
// like a real one.
func Invoke(env Env, token string, args resource.PropertyMap) (resource.PropertyMap, error) {
	arg := func(key string) string {
		s, _ := stringOf(args[resource.PropertyKey(key)])
		return s
	}
	switch token {
	case "aws:index/getAvailabilityZones:getAvailabilityZones":
		var names, ids []any
		for i, letter := range []string{"a", "b", "c", "d"} {
			names = append(names, env.Region+letter)
			ids = append(ids, fmt.Sprintf("%s-az%d", zonePrefix(env.Region), i+1))
		}
		return object(map[string]any{"names": names, "zoneIds": ids, "groupNames": []any{env.Region}, "id": env.Region}), nil
	case "aws:index/getCallerIdentity:getCallerIdentity":
		return object(map[string]any{
			"accountId": env.AccountID, "id": env.AccountID, "userId": "AROAMADEUP:plan",
			"arn": "arn:" + env.Partition + ":sts::" + env.AccountID + ":assumed-role/plan/plan",
		}), nil
	case "aws:index/getRegion:getRegion":
		return object(map[string]any{
			"name": env.Region, "id": env.Region, "description": env.Region, "endpoint": "ec2." + env.Region + "." + env.DNSSuffix,
		}), nil
	case "aws:index/getPartition:getPartition":
		labels := strings.Split(env.DNSSuffix, ".")
		for i, j := 0, len(labels)-1; i < j; i, j = i+1, j-1 {
			labels[i], labels[j] = labels[j], labels[i]
		}
		return object(map[string]any{
			"partition": env.Partition, "id": env.Partition, "dnsSuffix": env.DNSSuffix, "reverseDnsPrefix": strings.Join(labels, "."),
		}), nil
	case "aws:ec2/getEips:getEips": // a new account: no addresses, and AWS's own VPC
		return object(map[string]any{"allocationIds": []any{}, "publicIps": []any{}, "id": env.Region}), nil
	case "aws:ec2/getVpcs:getVpcs":
		ids := []any{"vpc-default"}
		if args["tags"].IsObject() {
			ids = nil
		}
		return object(map[string]any{"ids": ids, "id": env.Region}), nil
	case "aws:route53/getZone:getZone": // whoever plans may not look: the answer is the owner's
		return nil, fmt.Errorf("a plan has no hosted zone %s", arg("zoneId"))
	case "aws:rds/getInstances:getInstances":
		return object(map[string]any{"instanceIdentifiers": []any{}, "instanceArns": []any{}, "id": env.Region}), nil
	case "aws:servicequotas/getServiceQuota:getServiceQuota":
		return object(map[string]any{"value": 5, "quotaCode": arg("quotaCode"), "serviceCode": arg("serviceCode")}), nil
	case "aws:ec2/getAmi:getAmi":
		return ami(env, args), nil
	case "aws:ssm/getParameter:getParameter":
		return object(map[string]any{
			"name": arg("name"), "id": arg("name"), "type": "String", "version": 1, "value": "ami-" + Digits(arg("name"), 17),
			"arn": env.arn("ssm", "parameter"+arg("name")), "insecureValue": "ami-" + Digits(arg("name"), 17),
		}), nil
	case "aws:ec2/getPrefixList:getPrefixList", "aws:ec2/getManagedPrefixList:getManagedPrefixList":
		return object(map[string]any{
			"id": "pl-" + Digits(arg("name"), 8), "name": arg("name"), "cidrBlocks": []any{"203.0.113.0/24"},
			"arn": "arn:" + env.Partition + ":ec2:" + env.Region + ":aws:prefix-list/pl-" + Digits(arg("name"), 8),
		}), nil
	case "aws:elb/getServiceAccount:getServiceAccount":
		return object(map[string]any{"id": "054676820928", "arn": "arn:" + env.Partition + ":iam::054676820928:root"}), nil
	}
	return nil, fmt.Errorf("no made-up answer for the provider function %s: add one to internal/plan/shape/invoke.go", token)
}

// ami returns an image with the architecture in the filters.
func ami(env Env, args resource.PropertyMap) resource.PropertyMap {
	architecture, name := "x86_64", "ami"
	if filters := args["filters"]; filters.IsArray() {
		for _, f := range filters.ArrayValue() {
			if !f.IsObject() || !f.ObjectValue()["values"].IsArray() {
				continue
			}
			for _, v := range f.ObjectValue()["values"].ArrayValue() {
				value, _ := stringOf(v)
				switch filter, _ := stringOf(f.ObjectValue()["name"]); filter {
				case "architecture":
					architecture = value
				case "name":
					name = strings.NewReplacer("*", "0", "?", "0").Replace(value)
				}
			}
		}
	}
	id := "ami-" + Digits(name+architecture, 17)
	return object(map[string]any{
		"id": id, "imageId": id, "name": name, "architecture": architecture, "ownerId": "137112412989", "state": "available",
		"rootDeviceName": "/dev/xvda", "rootDeviceType": "ebs", "virtualizationType": "hvm", "creationDate": "2026-01-01T00:00:00.000Z",
		"arn": "arn:" + env.Partition + ":ec2:" + env.Region + "::image/" + id, "description": name, "imageLocation": "amazon/" + name,
	})
}

func zonePrefix(region string) string {
	parts := strings.Split(region, "-")
	if len(parts) < 3 {
		return region
	}
	return parts[0] + parts[1][:1] + parts[2]
}

func object(values map[string]any) resource.PropertyMap {
	return resource.NewPropertyMapFromMap(values)
}
