package cost

import (
	"fmt"

	"scalable-backend/internal/graph"
)

// fleetOfTasks returns the task, and how many run at first, at least and at most.
func fleetOfTasks(r *reader) (of graph.Resource, first, least, most float64) {
	s, ok := r.first(service)
	of, also := r.first(task)
	if !ok || !also {
		return graph.Resource{}, 0, 0, 0
	}
	first = r.number(s, "desiredCount")
	least, most = first, first
	if t, ok := r.first(serviceTarget); ok {
		least, most = r.number(t, "minCapacity"), r.number(t, "maxCapacity")
	}
	return of, first, least, most
}

func tasks(r *reader) Line {
	of, first, least, most := fleetOfTasks(r)
	if of.Type == "" {
		return Line{}
	}
	chip := "X86_64" // what Fargate takes where the task does not say
	if value, ok := of.Get("runtimePlatform", "cpuArchitecture"); ok {
		chip = fmt.Sprint(value)
	}
	each := (r.number(of, "cpu")/1024*r.price("taskCPU-"+chip) + r.number(of, "memory")/1024*r.price("taskMemory-"+chip)) * Hours
	line := scaled(times(first, each), first, least, most)
	line.Low = (least - onSpot(r, least) + onSpot(r, least)*r.off("taskSpot")) * each
	return line
}

// onSpot returns how many of n tasks the service's strategy puts on Spot: ECS counts the base first, and shares the rest by weight.
func onSpot(r *reader, n float64) float64 {
	s, _ := r.first(service)
	var base, weight, spotBase, spotWeight float64
	for _, item := range items(s, "capacityProviderStrategies") {
		provider, _ := graph.Lookup(item, "capacityProvider")
		w, _ := graph.Lookup(item, "weight")
		b, _ := graph.Lookup(item, "base")
		share, _ := w.(float64)
		first, _ := b.(float64)
		base, weight = base+first, weight+share
		if provider == "FARGATE_SPOT" {
			spotBase, spotWeight = spotBase+first, spotWeight+share
		}
	}
	if weight == 0 {
		return min(spotBase, n)
	}
	return min(spotBase, n) + max(n-base, 0)*spotWeight/weight
}

func taskDisks(r *reader) Line {
	of, first, least, most := fleetOfTasks(r)
	each := r.price("taskDisk") * Hours
	if _, ok := of.Get("ephemeralStorage", "sizeInGib"); !ok {
		return times(0, each) // 20 GiB come with a task
	}
	return scaled(times(first*(r.number(of, "ephemeralStorage", "sizeInGib")-20), each), first, least, most)
}

func insights(r *reader) Line {
	cluster, ok := r.first("aws:ecs/cluster:Cluster")
	value, _ := cluster.Get("settings", 0, "value")
	if !ok || value == "disabled" {
		return times(0, r.price("metric"))
	}
	return times(30, r.price("metric"))
}
