// Package servers is what several servers on one etcd tell one another, as
// kube-apiservers do, so that those may share the etcd too:
//
//	Addresses   /registry/masterleases/IP in etcd, on a lease of etcd's: there
//	            while the server is; what default/kubernetes leads to
//	Identity    the Lease kube-system/apiserver-HASH (KEP-1965), with the keys
//	            that all servers must have in common
//
// Who runs controllers and scheduler is decided by client/leaderelection. A
// server with a store of its own is alone and does none of this.
package servers
