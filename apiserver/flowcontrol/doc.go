// Package flowcontrol shares the server's capacity fairly among its clients
// (API priority and fairness, flowcontrol.apiserver.k8s.io/v1, KEP-1040):
//
//	request ─ FlowSchema (by precedence) ─ priority level
//	    ├── exempt: runs at once
//	    ├── a seat is free and nobody waits: runs at once
//	    ├── Reject: refused
//	    └── Queue: one of a hand of queues, dealt by the flow's hash; seats go
//	        to the queue that has had the least work done (virtual time)
//
// A seat is a place in the server; a turn is the right to keep a processor busy.
// A level has as many turns as there are processors, and requests give theirs up
// while they read a body, send an answer, or wait for the disk or a webhook: so
// hundreds of writes may wait for one commit, while those that want a processor
// wait in the fair queues and not in the Go scheduler's, which knows no flows.
// Who comes back for a turn stands first in its own queue. What a flow has used
// is the larger of its parts of the seats and of the turns. See turns.go.
//
// Of a level's seats wide requests, such as lists, leave an eighth to those of one
// seat, which may overtake them for it.
//
// A level owns a share of the server's seats. While somebody waits, seats that
// others may lend and do not need are moved, every ten seconds. While nobody
// waits there is no timer, and a request costs one lock.
package flowcontrol
