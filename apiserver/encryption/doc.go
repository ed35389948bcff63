// Package encryption seals what is stored (encryption at rest), as an
// EncryptionConfiguration says.
//
//	store/cache ─ Seal, Open ─> the resource's providers ─> "k8s:enc:aesgcm:v1:key1:" nonce, ciphertext
//	                                │                        "k8s:enc:kms:v2:name:" EncryptedObject
//	                                └─ kms v2: a plug-in wraps a seed, from which each
//	                                   object's own key is derived
//
// The first provider of a resource writes; all of them read. What any but the
// first has written is stale: it is sealed anew with the next write, even one
// that changes nothing. An object's key in the store is authenticated with it,
// where the provider can, so that nobody can put one object in another's place.
//
// The stored form is that of kube-apiserver, prefix for prefix.
package encryption
