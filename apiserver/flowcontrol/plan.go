package flowcontrol

import (
	"cmp"
	"math"
	"slices"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
)

// Set takes over the stored objects. What the mandatory objects say holds even
// when they are missing. It returns, for each schema by name, whether its level
// is missing.
func (c *Controller) Set(schemas []*flowcontrolv1.FlowSchema, levels []*flowcontrolv1.PriorityLevelConfiguration) (dangling map[string]bool) {
	schemas = withMandatory(schemas, BootstrapSchemas())
	levels = withMandatory(levels, BootstrapLevels())
	c.setting.Lock()
	defer c.setting.Unlock()
	next := &plan{dangles: map[string]bool{}}
	uids := map[string][]string{}
	at := map[string]*level{}
	shapes := shapesOf(levels, c.cfg.Seats, c.cfg.Turns)
	for _, o := range levels {
		l := c.current.Load().level(o.Name)
		if l == nil {
			l = newLevel(o.Name, shapes[o.Name], c.press, c.cfg.Now())
		} else {
			l.setShape(shapes[o.Name], c.cfg.Now())
		}
		at[o.Name], uids[o.Name] = l, []string{string(o.UID)}
		next.levels = append(next.levels, l)
	}
	slices.SortFunc(next.levels, func(a, b *level) int { return cmp.Compare(a.name, b.name) })
	for _, o := range schemas {
		l := at[o.Spec.PriorityLevelConfiguration.Name]
		next.dangles[o.Name] = l == nil
		if l != nil {
			next.schemas = append(next.schemas, newMatcher(o, l, shapes[l.name], uids[l.name]))
		}
	}
	for _, l := range next.levels {
		l.forget(next.schemas)
	}
	c.current.Store(next)
	return next.dangles
}

func (p *plan) level(name string) *level {
	i, ok := slices.BinarySearchFunc(p.levels, name, func(l *level, name string) int { return cmp.Compare(l.name, name) })
	if !ok {
		return nil
	}
	return p.levels[i]
}

// object is what both kinds have in common here.
type object interface{ GetName() string }

// withMandatory adds what must not be missing. For schemas the result is in the
// order of precedence, catch-all last.
func withMandatory[T object](stored, bootstrap []T) []T {
	out := slices.Clone(stored)
	for _, b := range bootstrap {
		if mandatory(b.GetName()) && !slices.ContainsFunc(out, func(o T) bool { return o.GetName() == b.GetName() }) {
			out = append(out, b)
		}
	}
	slices.SortFunc(out, func(a, b T) int {
		return cmp.Or(cmp.Compare(precedence(a), precedence(b)), cmp.Compare(a.GetName(), b.GetName()))
	})
	return out
}

func precedence(o any) int32 {
	s, ok := o.(*flowcontrolv1.FlowSchema)
	switch {
	case !ok:
		return 0
	case s.Name == flowcontrolv1.FlowSchemaNameCatchAll:
		return math.MaxInt32
	}
	return s.Spec.MatchingPrecedence
}

func newMatcher(o *flowcontrolv1.FlowSchema, l *level, of shape, levelUID []string) *matcher {
	s := &matcher{name: o.Name, level: l, flow: l.flowOf(o.Name), rules: o.Spec.Rules,
		seed: hashOf(hashSeed, o.Name), exempt: of.exempt, maxSeats: of.maxSeats, schemaUID: []string{string(o.UID)}, levelUID: levelUID}
	if d := o.Spec.DistinguisherMethod; d != nil {
		s.by = d.Type
	}
	return s
}

// shapesOf divides the server's seats by the levels' shares. Each level that has
// queues gets as many turns.
func shapesOf(levels []*flowcontrolv1.PriorityLevelConfiguration, seats, turns int) map[string]shape {
	sum := 0
	for _, o := range levels {
		sum += int(shares(&o.Spec))
	}
	out := map[string]shape{}
	for _, o := range levels {
		s := shapeOf(&o.Spec, seats, sum)
		if s.queues > 0 {
			s.turns = turns
		}
		out[o.Name] = s
	}
	return out
}

func shares(s *flowcontrolv1.PriorityLevelConfigurationSpec) int32 {
	switch {
	case s.Exempt != nil:
		return value(s.Exempt.NominalConcurrencyShares, 0)
	case s.Limited != nil:
		return value(s.Limited.NominalConcurrencyShares, 30)
	}
	return 0
}

func value(p *int32, otherwise int32) int32 {
	if p == nil {
		return otherwise
	}
	return *p
}

// maxWidth bounds how many seats one request takes, in any level.
const maxWidth = 100

func shapeOf(s *flowcontrolv1.PriorityLevelConfigurationSpec, seats, sum int) shape {
	out := shape{exempt: s.Type == flowcontrolv1.PriorityLevelEnablementExempt, most: seats, maxSeats: maxWidth}
	if sum > 0 {
		out.nominal = int(math.Ceil(float64(seats) * float64(shares(s)) / float64(sum)))
	}
	lendable := int32(0)
	switch {
	case s.Exempt != nil:
		lendable = value(s.Exempt.LendablePercent, 0)
	case s.Limited != nil:
		lendable = value(s.Limited.LendablePercent, 0)
		if b := s.Limited.BorrowingLimitPercent; b != nil {
			out.most = min(out.most, out.nominal+percent(out.nominal, *b))
		}
	}
	out.least = out.nominal - percent(out.nominal, lendable)
	if s.Limited != nil && s.Limited.LimitResponse.Type == flowcontrolv1.LimitResponseTypeQueue {
		if q := s.Limited.LimitResponse.Queuing; q != nil {
			out.queues, out.length = int(q.Queues), int(q.QueueLengthLimit)
			out.hand = min(int(q.HandSize), out.queues, maxHand)
		}
	}
	// One request shall not fill the level, nor all hands of its flow.
	wide := math.Ceil(float64(out.nominal) * 0.15)
	if out.hand > 0 {
		wide = min(wide, float64(out.nominal/out.hand))
	}
	out.maxSeats = min(maxWidth, max(1, int(wide)))
	return out
}

func percent(of int, p int32) int { return int(math.Round(float64(of) * float64(p) / 100)) }
