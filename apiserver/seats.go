package apiserver

import (
	"context"
	"math"
	"runtime"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/apiserver/flowcontrol"
	"minke/apiserver/h2"
)

// takeSeat returns when the request may go on. Streams have no bound; a watch
// has one until it has sent what there is at its beginning.
func (c *call) takeSeat() error {
	if c.longRunning() && c.info.Verb != "watch" {
		return nil
	}
	flow := c.cfg.Flow.Classify(c.user, c.info)
	flow.Tell(c.w.Header())
	width := c.width(flow)
	c.arrived()
	err := c.cfg.Flow.Wait(c.ctx, flow, c.user, c.info, width, &c.ticket)
	c.waited = c.ticket.Waited()
	if err != nil {
		if c.ctx.Err() != nil {
			return context.Cause(c.ctx)
		}
		return tooMany()
	}
	c.ctx = flowcontrol.WithTicket(c.ctx, &c.ticket)
	return nil
}

// arrived tells the connection that it need not bound the request any more.
func (c *call) arrived() {
	if a, ok := c.w.ResponseWriter.(h2.Arrival); ok {
		a.Arrived()
	}
}

func tooMany() error {
	return apierrors.NewTooManyRequests("The server is currently handling too many requests. Please try again later.", 1)
}

// How much a request takes, beside the seat that each has. A list keeps a
// processor busy for as long as it takes to send its objects, and there are far
// more seats than processors: so a list of a hundred objects takes as many seats
// as it needs that no more than listsOfCore of them run for each processor. A write costs
// its watchers' events, which are sent after its answer; those share one
// encoding, so that ten watchers take some 0.1 ms.
const (
	objectsOfSeat  = 100
	listsOfCore    = 16
	watchersOfSeat = 10
	eventTime      = 100 * time.Microsecond
	maxAfter       = 10
)

// width estimates how many seats the request takes.
func (c *call) width(flow flowcontrol.Flow) flowcontrol.Width {
	w := flowcontrol.Width{Seats: 1, Watch: c.info.Verb == "watch", Write: mutates(c.info.Verb)}
	if flow.Exempt() || !c.info.IsResource || !w.Write && !w.Watch && c.info.Verb != "list" {
		return w
	}
	e := c.routes.Load().endpoints[schema.GroupVersionResource{Group: c.info.Group, Version: c.info.Version, Resource: c.info.Resource}]
	switch {
	case e == nil || e.cache == nil:
	case w.Write:
		w.After, w.Extra = afterWrite(int(e.watching.Load()), min(flow.MaxSeats(), maxAfter))
	case c.info.Name == "":
		w.Seats = c.listSeats(e, flow.MaxSeats())
	}
	return w
}

// listSeats estimates a list, or what a watch sends at its beginning.
func (c *call) listSeats(e *endpoint, most int) int {
	query := c.r.URL.Query()
	if c.info.Verb == "watch" {
		if rv := query.Get("resourceVersion"); rv != "" && rv != "0" && query.Get("sendInitialEvents") != "true" {
			return 1
		}
	}
	objects, _ := e.cache.Count()
	if limit, err := strconv.ParseInt(query.Get("limit"), 10, 64); err == nil && limit > 0 && c.info.Verb == "list" {
		objects = int(min(int64(objects), limit))
	}
	return listWidth(objects, c.cfg.Flow.Seats(), runtime.GOMAXPROCS(0), most)
}

func listWidth(objects, seats, cores, most int) int {
	share := max(1, float64(seats)/float64(listsOfCore*cores))
	return max(1, min(int(math.Ceil(float64(objects)*share/objectsOfSeat)), most))
}

// afterWrite returns the seats that the events of a write take, and for how
// long: the work is the same when fewer seats do it for longer.
func afterWrite(watchers, most int) (seats int, extra time.Duration) {
	if watchers < watchersOfSeat {
		return 0, 0
	}
	wanted := (watchers + watchersOfSeat - 1) / watchersOfSeat
	seats = min(wanted, most)
	return seats, eventTime * time.Duration(wanted) / time.Duration(seats)
}

func mutates(verb string) bool {
	switch verb {
	case "create", "update", "patch", "delete", "deletecollection":
		return true
	}
	return false
}
