// Package kinds proves, kind by kind, that the API server loses nothing: an
// object with every field set is written and read back in every way and in
// every format.
package kinds
