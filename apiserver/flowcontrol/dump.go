package flowcontrol

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api/inprocess"
	"minke/apiserver/request"
)

// about says whose request holds a ticket.
type about struct {
	user *inprocess.User
	info *request.Info
}

// The pages beneath /debug/api_priority_and_fairness, for whoever asks why
// requests wait. Their columns are those of Kubernetes.
const debugPath = "/debug/api_priority_and_fairness/"

// Pages returns the handlers of the debugging pages by their paths.
func (c *Controller) Pages() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		debugPath + "dump_priority_levels": c.dumpLevels,
		debugPath + "dump_queues":          c.dumpQueues,
		debugPath + "dump_requests":        c.dumpRequests,
	}
}

// sheet is a page of rows.
type sheet struct{ *tabwriter.Writer }

func newSheet(w http.ResponseWriter, columns ...string) sheet {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	s := sheet{tabwriter.NewWriter(w, 8, 0, 1, ' ', 0)}
	s.row(columns...)
	return s
}

func (s sheet) row(cells ...string) {
	_, _ = fmt.Fprintln(s.Writer, strings.Join(cells, ",\t")) // it gathers; Flush tells
}

func (c *Controller) dumpLevels(w http.ResponseWriter, _ *http.Request) {
	s := newSheet(w, "PriorityLevelName", "ActiveQueues", "IsIdle", "IsQuiescing", "WaitingRequests", "ExecutingRequests",
		"DispatchedRequests", "RejectedRequests", "TimedoutRequests", "CancelledRequests")
	for _, l := range c.current.Load().levels {
		l.mu.Lock()
		active := 0
		for _, q := range l.queues {
			if len(q.waiting) > 0 {
				active++
			}
		}
		n := l.counted
		cells := []string{l.name, strconv.Itoa(active), strconv.FormatBool(l.requests == 0 && l.waiting == 0), "false",
			strconv.Itoa(l.waiting), strconv.Itoa(l.requests), fmt.Sprint(n.dispatched),
			fmt.Sprint(n.refused[queueFull] + n.refused[noSeats]), fmt.Sprint(n.refused[timedOut]), fmt.Sprint(n.refused[cancelled])}
		l.mu.Unlock()
		s.row(cells...)
	}
	_ = s.Flush()
}

func (c *Controller) dumpQueues(w http.ResponseWriter, _ *http.Request) {
	s := newSheet(w, "PriorityLevelName", "Index", "PendingRequests", "ExecutingRequests", "SeatsInUse", "NextDispatchR",
		"InitialSeatsSum", "MaxSeatsSum", "TotalWorkSum")
	for _, l := range c.current.Load().levels {
		for _, cells := range l.queueRows() {
			s.row(cells...)
		}
	}
	_ = s.Flush()
}

func (l *level) queueRows() (rows [][]string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, q := range l.queues {
		widest := 0
		for _, w := range q.waiting {
			widest += max(w.ticket.seats, w.ticket.after)
		}
		rows = append(rows, []string{l.name, strconv.Itoa(q.index), strconv.Itoa(len(q.waiting)), strconv.Itoa(q.requests), strconv.Itoa(q.seats),
			fmt.Sprintf("%.8fss", q.start), strconv.Itoa(q.seatsWaiting), strconv.Itoa(widest), fmt.Sprintf("%.8fss", work(q.seatsWaiting, guess))})
	}
	return rows
}

func (c *Controller) dumpRequests(w http.ResponseWriter, r *http.Request) {
	columns := []string{"PriorityLevelName", "FlowSchemaName", "QueueIndex", "RequestIndexInQueue", "FlowDistingsher", "ArriveTime",
		"InitialSeats", "FinalSeats", "AdditionalLatency", "StartTime"}
	details := r.URL.Query().Get("includeRequestDetails") != ""
	if details {
		columns = append(columns, "UserName", "Verb", "APIPath", "Namespace", "Name", "APIVersion", "Resource", "SubResource")
	}
	s := newSheet(w, columns...)
	for _, l := range c.current.Load().levels {
		for _, cells := range l.requestRows(details) {
			s.row(cells...)
		}
	}
	_ = s.Flush()
}

func (l *level) requestRows(details bool) (rows [][]string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, q := range l.queues {
		for i, w := range q.waiting {
			rows = append(rows, w.ticket.cells(l.name, i, w.since, time.Time{}, details))
		}
	}
	for t := l.running.next; t != &l.running; t = t.next {
		rows = append(rows, t.cells(l.name, -1, t.began, t.began, details))
	}
	return rows
}

func (t *Ticket) cells(level string, at int, since, began time.Time, details bool) []string {
	queue := -1
	if t.queue != nil {
		queue = t.queue.index
	}
	cells := []string{level, t.flow.schema, strconv.Itoa(queue), strconv.Itoa(at), t.about.user.Name, since.UTC().Format(time.RFC3339Nano),
		strconv.Itoa(t.seats), strconv.Itoa(t.after), t.extra.String(), began.UTC().Format(time.RFC3339Nano)}
	if i := t.about.info; details {
		cells = append(cells, t.about.user.Name, i.Verb, i.Path, i.Namespace, i.Name,
			schema.GroupVersion{Group: i.Group, Version: i.Version}.String(), i.Resource, i.Subresource)
	}
	return cells
}
