"""The schedule of a route, forward and backward: when each node can be reached, and when it must be."""

from __future__ import annotations

from truckroll.engine.arrays import Day, Plan
from truckroll.engine.compiled import lean
from truckroll.engine.stock import take_stock

NEVER = -(2**30)


@lean
def start_of_service(day: Day, plan: Plan, x: int, arrival: int) -> int:
    """Return when visit x can start having arrived at `arrival`, or NEVER."""
    visit = day.visits[x]
    for w in range(visit.first_window, visit.last_window):
        if arrival <= plan.windows[w, 1]:
            return int(max(arrival, plan.windows[w, 0]))
    return NEVER


@lean
def latest_start(day: Day, plan: Plan, x: int, limit: int) -> int:
    """Return the latest start of visit x within its windows and no later than `limit`, or NEVER."""
    visit = day.visits[x]
    for w in range(visit.last_window - 1, visit.first_window - 1, -1):
        if plan.windows[w, 0] <= limit:
            return int(min(limit, plan.windows[w, 1]))
    return NEVER


@lean
def preference(day: Day, v: int, x: int) -> float:
    """Return what it costs that of all shifts v serves visit x: moved from its booked one, or to a stranger.

    `reschedule` and `cheapest_within` say the same for themselves.
    """
    visit = day.visits[x]
    cost = 0.0
    if visit.booked_shift >= 0 and visit.booked_shift != v:
        cost = day.stability
    if visit.known and not day.knows[x, v]:
        cost += day.continuity
    return cost


@lean
def reschedule(day: Day, plan: Plan, v: int) -> bool:
    """Recompute everything that follows from the nodes of route v; tell whether it is feasible.

    `max_span` is not judged here, see `span`.
    """
    shift = day.shifts[v]
    route = plan.routes[v]
    n = route.length
    visits = day.visits.shape[0]
    roads = shift.roads
    place, ready, clock = shift.start_place, shift.starts, shift.starts
    work, load, served, preferred = 0, 0, 0, 0.0
    feasible = True
    for k in range(n + 1):
        slot = plan.slots[v, k]
        slot.place, slot.ready, slot.clock = place, ready, clock
        if k == n:
            break
        node = int(plan.nodes[v, k])
        if node >= visits:
            pause = day.pauses[node - visits]
            begins = max(clock, pause.earliest)
            if begins > pause.latest:
                feasible = False
            clock = begins + pause.duration
            ready += pause.duration
            plan.begins[v, k] = begins
            continue
        visit = day.visits[node]
        leg = day.travel[roads + place, visit.place]
        more = day.more[node, shift.pace]
        arrival = max(ready + leg, clock)
        if visit.fixed_shift >= 0:
            if arrival > visit.closes:
                feasible = False
            begins = max(arrival, visit.opens)
            clock = visit.fixed_until
        else:
            begins = start_of_service(day, plan, node, arrival)
            if begins == NEVER:
                feasible = False
                begins = arrival
            clock = begins + visit.occupies + more
            if clock > shift.closes:
                feasible = False
        ready = clock
        place = visit.place
        work += leg + visit.work + more
        load += visit.load
        served += 1
        if visit.booked_shift >= 0 and visit.booked_shift != v:
            preferred += day.stability
        if visit.known and not day.knows[node, v]:
            preferred += day.continuity
        plan.shift_of[node] = v
        plan.position_of[node] = k
        plan.begins[v, k] = begins
    leg = day.travel[roads + place, shift.end_place]
    if max(ready + leg, clock) > shift.ends:
        feasible = False
    work += leg
    if work > shift.max_work or load > shift.capacity:
        feasible = False
    cost = preferred
    next_place, latest_arrival, latest_clock = shift.end_place, shift.ends, shift.closes
    for k in range(n, -1, -1):
        slot = plan.slots[v, k]
        slot.next_place = next_place
        slot.latest_arrival = latest_arrival
        slot.latest_clock = latest_clock
        slot.leg_cost = day.cost[roads + slot.place, next_place]
        slot.leg_travel = day.travel[roads + slot.place, next_place]
        if k == 0:
            cost += slot.leg_cost
            break
        node = int(plan.nodes[v, k - 1])
        if node >= visits:
            pause = day.pauses[node - visits]
            latest_clock = min(pause.latest, latest_clock - pause.duration)
            latest_arrival -= pause.duration
            continue
        cost += slot.leg_cost
        visit = day.visits[node]
        if visit.fixed_shift >= 0:
            latest_arrival = visit.closes
        else:
            takes = visit.occupies + day.more[node, shift.pace]
            limit = min(latest_clock, latest_arrival - slot.leg_travel) - takes
            latest_arrival = latest_start(day, plan, node, limit)
        latest_clock = min(latest_arrival, shift.closes)
        next_place = visit.place
    route.visits = served
    route.load = load
    route.work = work
    route.cost = cost + day.balance * float(work) * float(work)
    if day.span > 0.0:
        count_span(day, plan, v)
    if day.stocked:
        feasible = take_stock(day, plan, v) and feasible
    return feasible


@lean
def count_span(day: Day, plan: Plan, v: int) -> None:
    """Note how long route v takes from leaving to returning, and add what that costs beside its legs."""
    route = plan.routes[v]
    visits = day.visits.shape[0]
    driven, busy = 0, 0
    for k in range(route.length + 1):
        if k == route.length or plan.nodes[v, k] < visits:
            driven += plan.slots[v, k].leg_travel
        if k < route.length and plan.nodes[v, k] < visits:
            node = plan.nodes[v, k]
            busy += day.visits[node].occupies + day.more[node, day.shifts[v].pace]
    route.busy = driven + busy
    route.span = span(day, plan, v) if route.visits > 0 else driven
    route.cost += day.span * float(route.span - driven)


@lean
def copy_schedule(source: Plan, v: int, target: Plan, w: int) -> None:
    """Make row w of the target what row v of the source is: its nodes and all that `reschedule` derives by route."""
    n = source.routes[v].length
    for k in range(n):
        target.nodes[w, k] = source.nodes[v, k]
        target.begins[w, k] = source.begins[v, k]
        target.slots[w, k] = source.slots[v, k]
    target.slots[w, n] = source.slots[v, n]
    target.routes[w] = source.routes[v]
    for p in range(source.used.shape[1]):
        target.used[w, p] = source.used[v, p]


@lean
def departure(
    day: Day, plan: Plan, v: int, end: int, earliest: bool, trial: int, x: int
) -> tuple[int, int, bool]:
    """Return the latest time to leave for route v, its pauses' length after that, and if some precede it.

    The route must still be over by `end`, with every visit in the window its earliest schedule
    uses; with `earliest`, at the very start its earliest schedule gives it. Pauses before the first
    visit are taken at the start place where that leaves no visit later. With `trial` at 0 or more,
    the route is taken to have visit x before that position, and `plan.trial` to hold the begins
    from there on.
    """
    shift = day.shifts[v]
    n = plan.routes[v].length + (1 if trial >= 0 else 0)
    visits = day.visits.shape[0]
    latest_arrival, latest_clock, paused, leading, lead = end, end, 0, 0, 0
    next_place = shift.end_place
    first_arrival = end
    for i in range(n - 1, -1, -1):
        k = i if trial < 0 or i < trial else i - 1
        node = x if i == trial else int(plan.nodes[v, k])
        if node >= visits:
            pause = day.pauses[node - visits]
            latest_clock = min(pause.latest, latest_clock - pause.duration)
            latest_arrival -= pause.duration
            paused += pause.duration
            lead += pause.duration
            leading += 1
            continue
        visit = day.visits[node]
        begins = plan.begins[v, k] if trial < 0 or i < trial else plan.trial[i]
        if visit.fixed_shift < 0 and not earliest:
            limit = min(latest_clock, latest_arrival - day.travel[shift.roads + visit.place, next_place])
            limit = min(limit, shift.closes) - visit.occupies - day.more[node, shift.pace]
            begins = max(begins, latest_in_window_of(day, plan, node, begins, limit))
        latest_arrival = begins
        latest_clock = begins
        first_arrival = begins
        next_place = visit.place
        lead, leading = 0, 0
    leg = day.travel[shift.roads + shift.start_place, next_place]
    if leading > 0:
        # When the pauses before the first visit are over: a route under trial keeps them as they are.
        last = plan.begins[v, leading - 1] + day.pauses[plan.nodes[v, leading - 1] - visits].duration
        if last <= first_arrival - leg:
            return int(first_arrival - leg), int(paused - lead), True
    return int(max(shift.starts, min(latest_clock, latest_arrival - leg))), int(paused), False


@lean
def latest_in_window_of(day: Day, plan: Plan, x: int, begins: int, limit: int) -> int:
    """Return the latest start of visit x up to `limit` in the very window that holds `begins`."""
    visit = day.visits[x]
    for w in range(visit.first_window, visit.last_window):
        if plan.windows[w, 0] <= begins <= plan.windows[w, 1]:
            return int(min(limit, plan.windows[w, 1]))
    return begins


@lean
def span(day: Day, plan: Plan, v: int) -> int:
    """Return the shortest time from leaving to returning, less pauses, that ends as early as possible."""
    if plan.routes[v].visits == 0:
        return 0
    last = plan.slots[v, plan.routes[v].length]
    shift = day.shifts[v]
    end = max(last.ready + day.travel[shift.roads + last.place, shift.end_place], last.clock)
    leaves, paused, _ = departure(day, plan, v, end, False, -1, 0)
    return int(end - leaves - paused)


@lean
def span_with(day: Day, plan: Plan, v: int, k: int, x: int) -> int:
    """Return what `span` would be with visit x before position k, where it must fit."""
    visits = day.visits.shape[0]
    slot = plan.slots[v, k]
    shift = day.shifts[v]
    place, ready, clock = slot.place, slot.ready, slot.clock
    for i in range(k, plan.routes[v].length + 1):
        node = x if i == k else int(plan.nodes[v, i - 1])
        if node >= visits:
            pause = day.pauses[node - visits]
            begins = max(clock, pause.earliest)
            clock = begins + pause.duration
            ready += pause.duration
        else:
            visit = day.visits[node]
            arrival = max(ready + day.travel[shift.roads + place, visit.place], clock)
            if visit.fixed_shift >= 0:
                begins = max(arrival, visit.opens)
                clock = visit.fixed_until
            else:
                begins = start_of_service(day, plan, node, arrival)
                clock = begins + visit.occupies + day.more[node, shift.pace]
            ready = clock
            place = visit.place
        plan.trial[i] = begins
    end = max(ready + day.travel[shift.roads + place, shift.end_place], clock)
    leaves, paused, _ = departure(day, plan, v, end, False, k, x)
    return int(end - leaves - paused)
