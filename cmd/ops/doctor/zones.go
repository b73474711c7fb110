package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
)

const (
	templateToken = "aws:ec2/launchTemplate:LaunchTemplate"
	databaseToken = "aws:rds/instance:Instance"
	machineToken  = "aws:ec2/instance:Instance" // the NAT instance
)

// zones are those that the program will take: it asks AWS the same question, and takes as many by name as it has subnets in.
func (s *subject) zones(ctx context.Context) (wanted int, names []string, err error) {
	var asked struct {
		ExcludeZoneIDs []string `json:"excludeZoneIds"`
		Filters        []filter `json:"filters"`
	}
	if err := s.plan.lookup("aws:index/getAvailabilityZones:getAvailabilityZones", 0, &asked); err != nil {
		return 0, nil, err
	}
	found, err := ec2.NewFromConfig(*s.aws).DescribeAvailabilityZones(ctx, &ec2.DescribeAvailabilityZonesInput{
		Filters: append(filters(asked.Filters), types.Filter{Name: aws.String("state"), Values: []string{"available"}}),
	})
	if err != nil {
		return 0, nil, err
	}
	for _, z := range found.AvailabilityZones {
		if !slices.Contains(asked.ExcludeZoneIDs, aws.ToString(z.ZoneId)) {
			names = append(names, aws.ToString(z.ZoneName))
		}
	}
	slices.Sort(names)
	wanted = len(s.plan.values("aws:ec2/subnet:Subnet", "availabilityZone"))
	if len(names) > wanted {
		names = names[:wanted]
	}
	return wanted, names, nil
}

// checkZones asks whether each zone that the stack will use offers the instance types.
func checkZones(ctx context.Context, s *subject) ([]Finding, error) {
	wanted, zones, err := s.zones(ctx)
	if err != nil {
		return nil, err
	}
	if len(zones) < wanted {
		return []Finding{fail(fmt.Sprintf("pulumi config set --path network.azCount %d, or another region", len(zones)),
			"network.azCount is %d, and %s has %d zones with all that a stack needs: %s",
			wanted, s.aws.Region, len(zones), strings.Join(zones, ", "))}, nil
	}
	offered := map[string][]string{} // type to zones
	pages := ec2.NewDescribeInstanceTypeOfferingsPaginator(ec2.NewFromConfig(*s.aws), &ec2.DescribeInstanceTypeOfferingsInput{
		LocationType: types.LocationTypeAvailabilityZone,
		Filters:      []types.Filter{{Name: aws.String("instance-type"), Values: s.instanceTypes()}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, o := range page.InstanceTypeOfferings {
			offered[string(o.InstanceType)] = append(offered[string(o.InstanceType)], aws.ToString(o.Location))
		}
	}
	var out []Finding
	for _, name := range s.instanceTypes() {
		lacking := slices.DeleteFunc(slices.Clone(zones), func(zone string) bool { return slices.Contains(offered[name], zone) })
		if len(lacking) == 0 {
			continue
		}
		slices.Sort(offered[name])
		where := strings.Join(offered[name], ", ")
		if where == "" {
			where = "no zone"
		}
		out = append(out, fail("pulumi config set --path compute.instanceType <another type>",
			"%s is not offered in %s, which the stack uses; it is in %s", name, strings.Join(lacking, ", "), where))
	}
	if len(out) == 0 {
		out = append(out, ok("%s offer %s", strings.Join(zones, ", "), strings.Join(s.instanceTypes(), " and ")))
	}
	return out, nil
}

// instanceTypes are those of the backend and of the NAT instance, each once.
func (s *subject) instanceTypes() []string {
	out := append(s.plan.values(templateToken, "instanceType"), s.plan.values(machineToken, "instanceType")...)
	slices.Sort(out)
	return slices.Compact(out)
}

// checkInstanceType compares the architecture that images are built for with that of the instances.
func checkInstanceType(ctx context.Context, s *subject) ([]Finding, error) {
	var out []Finding
	for _, name := range s.plan.values(templateToken, "instanceType") {
		sizes, err := s.sizes(ctx, name)
		if code(err) == "InvalidInstanceType" {
			return []Finding{fail("pulumi config set --path compute.instanceType <another type>", "%s has no type %s", s.aws.Region, name)}, nil
		}
		if err != nil {
			return nil, err
		}
		size := sizes[name]
		if wanted := s.architecture(); !slices.Contains(size.architectures, wanted) {
			out = append(out, fail("report it: the program takes another architecture from the type's name",
				"%s is %s, and images are built for %s", name, strings.Join(size.architectures, ", "), wanted))
		} else {
			out = append(out, ok("%s is %s and has %d vCPUs", name, strings.Join(size.architectures, ", "), size.vcpus))
		}
	}
	return out, nil
}

// architecture is what the program takes the instances for: the launch template of each architecture has a name of its own.
func (s *subject) architecture() string {
	templates := s.plan.of(templateToken)
	if len(templates) == 0 {
		return ""
	}
	return templates[0].Name[strings.LastIndex(templates[0].Name, "-")+1:]
}

type size struct {
	vcpus         int
	architectures []string
}

// sizes asks what instance types have.
func (s *subject) sizes(ctx context.Context, names ...string) (map[string]size, error) {
	in := &ec2.DescribeInstanceTypesInput{}
	for _, name := range names {
		in.InstanceTypes = append(in.InstanceTypes, types.InstanceType(name))
	}
	out := map[string]size{}
	pages := ec2.NewDescribeInstanceTypesPaginator(ec2.NewFromConfig(*s.aws), in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, t := range page.InstanceTypes {
			one := size{}
			if t.VCpuInfo != nil {
				one.vcpus = int(aws.ToInt32(t.VCpuInfo.DefaultVCpus))
			}
			if t.ProcessorInfo != nil {
				for _, architecture := range t.ProcessorInfo.SupportedArchitectures {
					one.architectures = append(one.architectures, string(architecture))
				}
			}
			out[string(t.InstanceType)] = one
		}
	}
	return out, nil
}

// checkDatabaseClass asks whether RDS runs this class and version in enough of the stack's zones.
func checkDatabaseClass(ctx context.Context, s *subject) ([]Finding, error) {
	_, zones, err := s.zones(ctx)
	if err != nil {
		return nil, err
	}
	databases := s.plan.of(databaseToken)
	if len(databases) == 0 {
		return []Finding{ok("no database")}, nil
	}
	database := databases[0]
	class, version, standby := database.text("instanceClass"), database.text("engineVersion"), database.input("multiAz") == true
	offered := map[string]bool{}
	pages := rds.NewDescribeOrderableDBInstanceOptionsPaginator(rds.NewFromConfig(*s.aws), &rds.DescribeOrderableDBInstanceOptionsInput{
		Engine: aws.String(database.text("engine")), DBInstanceClass: aws.String(class), Vpc: aws.Bool(true),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, o := range page.OrderableDBInstanceOptions {
			if !strings.HasPrefix(aws.ToString(o.EngineVersion)+".", version+".") || aws.ToString(o.StorageType) != database.text("storageType") ||
				standby && !aws.ToBool(o.MultiAZCapable) {
				continue
			}
			for _, zone := range o.AvailabilityZones {
				if slices.Contains(zones, aws.ToString(zone.Name)) {
					offered[aws.ToString(zone.Name)] = true
				}
			}
		}
	}
	need := 1
	if standby {
		need = 2
	}
	if len(offered) < need {
		return []Finding{fail("pulumi config set --path database.instanceClass <another class>, or another database.engineVersion",
			"%s with PostgreSQL %s is in %d of the stack's zones, and the stack needs it in %d", class, version, len(offered), need)}, nil
	}
	return []Finding{ok("%s with PostgreSQL %s is in %d of the stack's zones", class, version, len(offered))}, nil
}
