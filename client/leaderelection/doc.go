// Package leaderelection lets exactly one of several processes run a component,
// such as the scheduler: the one that holds a Lease, as Kubernetes' own
// components agree (coordination.k8s.io/v1, client-go's tools/leaderelection), so
// that they may take part beside ours.
//
//	              the lease is free, released or expired,
//	              and the API has taken our write
//	(following) ───────────────────────────────────────────> (leading)
//	     ^                                                      │
//	     │ stopped   lost: no renewal for RenewDeadline,        │ every RetryPeriod:
//	     └────────── or somebody else holds it <────────────────┤ renew
//	                                                            v ctx ended, or the
//	                                                        (stopped, released)
//	                                                          component did
//
// # Why there are never two
//
// A follower takes the lease from a holder who does not renew only when it has
// itself seen no change for the lease's duration, by its own clock: clocks need
// not agree, only run at about the same speed. A leader counts from before it
// asked for the renewal, and gives up after RenewDeadline, which is shorter: in
// the time between the two its component stops. A part of it that does not is
// held off by the fence: see client.Fenced. A process that is stopped after its fence
// let a write pass, and goes on when another one leads, is held off by the store,
// which compares the lease in the write's own transaction: see store.Guard.
//
// Followers read nothing: they see the lease change, or time run out.
package leaderelection
