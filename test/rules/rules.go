// Package rules holds the repository's own rules as tests: who may import
// whom, how long a file and a function may be, what every package documents.
package rules
