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
// A level owns a share of the server's seats. While somebody waits, seats that
// others may lend and do not need are moved, every ten seconds. While nobody
// waits there is no timer, and a request costs one lock.
package flowcontrol
