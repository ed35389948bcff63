package flowcontrol

// maxHand bounds the hand: 64 bits of hash do not deal more cards evenly.
const maxHand = 16

// deal chooses hand different queues out of n by the bits of hash, and appends
// them to into. The same flow always gets the same hand; two flows rarely get
// hands that overlap much, so that whoever fills its own queues leaves others a
// free one (shuffle sharding).
//
//	i-th card: one of the n-i queues not dealt yet, counted in order
func deal(hash uint64, n, hand int, into []int) []int {
	for i := range hand {
		left := uint64(n - i)
		card := int(hash % left)
		hash /= left
		at := 0
		for at < len(into) && card >= into[at] {
			card++
			at++
		}
		into = append(into, 0)
		copy(into[at+1:], into[at:])
		into[at] = card
	}
	return into
}

// hashOf returns the hash of a flow (FNV-1a of 64 bits, then mixed, for deal
// takes the low bits first).
func hashOf(seed uint64, text string) uint64 {
	const prime = 1099511628211
	h := seed
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * prime
	}
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	return h
}

// hashSeed begins a hash.
const hashSeed = 14695981039346656037
