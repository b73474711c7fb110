package authz

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Request is one call, as a service authorizes it.
type Request struct {
	Principal Principal
	Action    string // e.g. "s3:GetObject"
	Resource  string // ARN, or "*" for an action that has none
	// Context holds the condition keys of the request; those of the principal are added to it.
	Context map[string][]string
}

// Policies are the policies that apply to a request.
type Policies struct {
	Identity []Document
	// Boundary limits what Identity, and a statement with the role's ARN, can allow. Nil means no boundary.
	Boundary *Document
	// Resource is the policy of the resource, nil without one.
	Resource *Document
	// ResourceDecides is set for KMS keys and for assuming a role: the resource's policy must allow the request, either to the
	// principal or to its account; in the latter case the principal's own policies must allow it too.
	ResourceDecides bool
	// ResourceAccount owns the resource. Empty means the principal's account.
	ResourceAccount string
	// Endpoint is the policy of the VPC endpoint for the request, nil without one.
	Endpoint *Document
}

// Decision is the result and its reason.
type Decision struct {
	Allowed bool
	Reason  string
	// Grants are the entries of all policies that allow the request, even if another policy refuses it.
	Grants []Grant
}

// Grant is one entry of an allow statement: the principal, action and resource patterns that match. Principal is empty in an
// identity's policy, Resource in a trust policy, Action or Resource in a statement with NotAction or NotResource.
type Grant struct {
	Document                    string
	Statement                   int // counted from 0
	Principal, Action, Resource string
}

// outcome is the result of one document.
type outcome struct {
	denied  string // document and Sid of a statement that denies
	allowed reach
	grants  []Grant
}

// Evaluate decides a request. An error means that it cannot be decided.
func Evaluate(r Request, p Policies) (Decision, error) {
	context, err := r.context()
	if err != nil {
		return Decision{}, err
	}
	decide := func(documents ...*Document) (outcome, error) {
		var all outcome
		for _, d := range documents {
			if d == nil {
				continue
			}
			o, err := d.evaluate(r, context)
			if err != nil {
				return outcome{}, err
			}
			all.denied += o.denied
			all.allowed = max(all.allowed, o.allowed)
			all.grants = append(all.grants, o.grants...)
		}
		return all, nil
	}
	var identities []*Document
	for i := range p.Identity {
		identities = append(identities, &p.Identity[i])
	}
	var outcomes [4]outcome
	for i, documents := range [4][]*Document{identities, {p.Boundary}, {p.Resource}, {p.Endpoint}} {
		if outcomes[i], err = decide(documents...); err != nil {
			return Decision{}, fmt.Errorf("%s %s on %s: %w", r.Principal, r.Action, r.Resource, err)
		}
	}
	var decision Decision
	for _, o := range outcomes {
		decision.Grants = append(decision.Grants, o.grants...)
	}
	decision.Allowed, decision.Reason = conclude(r, p, outcomes[0], outcomes[1], outcomes[2], outcomes[3])
	return decision, nil
}

// conclude applies the documented order: an explicit denial anywhere, then the limits, then the permissions.
func conclude(r Request, p Policies, identity, boundary, resource, endpoint outcome) (bool, string) {
	if denied := identity.denied + boundary.denied + resource.denied + endpoint.denied; denied != "" {
		return false, "explicitly denied by" + denied
	}
	if p.Endpoint != nil && endpoint.allowed == none {
		return false, "the endpoint's policy does not allow it"
	}
	if r.Principal.kind != role {
		if resource.allowed == direct {
			return true, "the resource's policy allows it"
		}
		return false, "the resource's policy does not allow it, and no other policy can"
	}
	within := p.Boundary == nil || boundary.allowed != none
	own := identity.allowed != none && within
	foreign := p.ResourceAccount != "" && p.ResourceAccount != r.Principal.account()
	switch {
	case foreign && own && resource.allowed != none:
		return true, "the principal's policies and those of the resource's account allow it"
	case foreign:
		return false, "another account's resource: both sides must allow it"
	case resource.allowed == direct:
		return true, "the resource's policy allows it to everyone"
	case resource.allowed == byARN && within:
		return true, "the resource's policy allows it to the role"
	case p.ResourceDecides && resource.allowed == none:
		return false, "the resource's policy allows it neither to the principal nor to its account"
	case own:
		return true, "the principal's policies allow it"
	case identity.allowed != none:
		return false, "the permissions boundary does not allow it"
	}
	return false, "no policy allows it"
}

// context returns the request's context by lower-case key, because keys are not case-sensitive.
func (r Request) context() (map[string][]string, error) {
	if !strings.Contains(r.Action, ":") || strings.ContainsAny(r.Action, "*?") {
		return nil, fmt.Errorf("request: action %q: want service:Name", r.Action)
	}
	if r.Resource != "*" && (!isARN(r.Resource) || strings.ContainsAny(r.Resource, "*?")) {
		return nil, fmt.Errorf("request: resource %q: want an ARN, or * alone", r.Resource)
	}
	context := map[string][]string{}
	for _, keys := range []map[string][]string{r.Principal.keys(r.Action), r.Context} {
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			context[strings.ToLower(key)] = keys[key]
		}
	}
	return context, nil
}

// evaluate collects the results of the statements that apply.
func (d *Document) evaluate(r Request, context map[string][]string) (outcome, error) {
	var o outcome
	for i, s := range d.Statements {
		reach, grant, err := s.applies(d.Kind, r, context)
		if err != nil {
			return o, fmt.Errorf("%s, statement %d: %w", d.Name, i, err)
		}
		switch {
		case reach == none:
		case s.Deny:
			o.denied += fmt.Sprintf(" %s (statement %d %s)", d.Name, i, s.Sid)
		default:
			o.allowed = max(o.allowed, reach)
			grant.Document, grant.Statement = d.Name, i
			o.grants = append(o.grants, grant)
		}
	}
	return o, nil
}

// applies tells whether a statement applies to the request, and how directly it names the principal. A denial for an account
// applies to everyone in it.
func (s Statement) applies(kind Kind, r Request, context map[string][]string) (reach, Grant, error) {
	reached, who := direct, ""
	if kind != Identity {
		if reached, who = matchPrincipal(s.Principals, r.Principal); reached == none {
			return none, Grant{}, nil
		}
	}
	action, ok := matchAction(s.Actions, r.Action)
	if _, excepted := matchAction(s.NotActions, r.Action); !ok && (s.NotActions == nil || excepted) {
		return none, Grant{}, nil
	}
	resource, ok := matchResource(s.Resources, r.Resource)
	if _, excepted := matchResource(s.NotResources, r.Resource); kind != Trust && !ok && (s.NotResources == nil || excepted) {
		return none, Grant{}, nil
	}
	for _, c := range s.Conditions {
		ok, err := c.holds(context)
		if err != nil {
			return none, Grant{}, err
		}
		if !ok {
			return none, Grant{}, nil
		}
	}
	return reached, Grant{Principal: who, Action: action, Resource: resource}, nil
}
