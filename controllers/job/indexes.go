package job

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
)

// indexes is a set of completion indexes, written as in "0,3-5,7".
type indexes map[int]bool

func parseIndexes(text string) indexes {
	set := indexes{}
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(part, "-")
		from, err := strconv.Atoi(first)
		if err != nil {
			continue
		}
		to := from
		if isRange {
			if to, err = strconv.Atoi(last); err != nil {
				continue
			}
		}
		for i := from; i <= to; i++ {
			set[i] = true
		}
	}
	return set
}

func (s indexes) String() string {
	sorted := slices.Sorted(maps.Keys(s))
	var b strings.Builder
	for i := 0; i < len(sorted); {
		end := i
		for end+1 < len(sorted) && sorted[end+1] == sorted[end]+1 {
			end++
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(sorted[i]))
		if end > i {
			separator := byte('-')
			if end == i+1 {
				separator = ','
			}
			b.WriteByte(separator)
			b.WriteString(strconv.Itoa(sorted[end]))
		}
		i = end + 1
	}
	return b.String()
}

func isIndexed(job *batchv1.Job) bool {
	return job.Spec.CompletionMode != nil && *job.Spec.CompletionMode == batchv1.IndexedCompletion && job.Spec.Completions != nil
}

// indexOf returns the pod's completion index, or -1.
func indexOf(pod *corev1.Pod) int {
	n, err := strconv.Atoi(pod.Annotations[batchv1.JobCompletionIndexAnnotation])
	if err != nil {
		return -1
	}
	return n
}

// failuresBefore is how many pods of this index had failed when pod was made.
func failuresBefore(pod *corev1.Pod) int32 {
	n, err := strconv.ParseInt(pod.Annotations[batchv1.JobIndexFailureCountAnnotation], 10, 32)
	if err != nil {
		return 0
	}
	return int32(n)
}

func (r *round) readIndexes() {
	r.done, r.lost = parseIndexes(r.job.Status.CompletedIndexes), indexes{}
	if r.job.Status.FailedIndexes != nil {
		r.lost = parseIndexes(*r.job.Status.FailedIndexes)
	}
	if isIndexed(r.job) {
		// An elastic job may have been shrunk.
		maps.DeleteFunc(r.done, func(i int, _ bool) bool { return i >= int(*r.job.Spec.Completions) })
	}
}

// successPolicyMet tells whether a rule of the job's success policy holds.
func (r *round) successPolicyMet() (string, bool) {
	if r.job.Spec.SuccessPolicy == nil || !isIndexed(r.job) {
		return "", false
	}
	for i, rule := range r.job.Spec.SuccessPolicy.Rules {
		matched := len(r.done)
		needed := int(*r.job.Spec.Completions)
		if rule.SucceededIndexes != nil {
			wanted := parseIndexes(*rule.SucceededIndexes)
			matched, needed = 0, len(wanted)
			for index := range wanted {
				if r.done[index] {
					matched++
				}
			}
		}
		if rule.SucceededCount != nil {
			needed = int(*rule.SucceededCount)
		}
		if matched >= needed {
			return "Matched rules at index " + strconv.Itoa(i), true
		}
	}
	return "", false
}
