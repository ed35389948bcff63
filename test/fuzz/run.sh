#!/usr/bin/env bash
# Runs each fuzz target for a time, on what is kept in testdata/fuzz and what it
# finds itself, five at a time:
#   test/fuzz/run.sh 1m
# What it finds wrong it writes to the package's testdata/fuzz: check it in.
#
# go test -fuzz would compile every dependency anew, with counters that lead the
# search, and would do so for each target. Here only the code that a search is
# after has them: Minke's, and the parsers of others that it hands input to. Each
# package is compiled once, and a target gets through 2 to 16 times as much.
set -euo pipefail
cd "$(dirname "$0")/../.."
export ROOT=$PWD TIME=${1:?for how long?} CACHE
CACHE=$(go env GOCACHE)/fuzz/minke

flags=(-vet=off)
for counted in 'minke/...' 'github.com/google/cel-go/...' 'github.com/antlr4-go/...' 'github.com/go-jose/...' \
	'gopkg.in/evanphx/json-patch.v4' 'k8s.io/apimachinery/pkg/util/strategicpatch'; do
	flags+=("-gcflags=$counted=-d=libfuzzer")
done

# DIR TARGET, a line each.
targets=$(git grep --untracked -E '^func Fuzz' -- '*_test.go' | sed -E 's|/[^/]*:func (Fuzz[A-Za-z]+).*| \1|')
mkdir -p build/fuzz
for dir in $(cut -d' ' -f1 <<<"$targets" | sort -u); do
	echo "compiling $dir"
	go test -c "${flags[@]}" -o "build/fuzz/${dir//\//-}.test" "./$dir"
done

# ended LOG tells whether nothing but the end of its time failed: before Go 1.27 the end
# is now and then taken for an error (https://go.dev/issue/75804).
ended() {
	grep -A1 -- '^--- FAIL: ' "$1" | tail -n +2 | grep -qx '    context deadline exceeded' &&
		! grep -qE 'Failing input|panic:|_test\.go:' "$1"
}

# run DIR TARGET says how it went, and all that was said if it went wrong.
run() {
	cd "$1"
	local log=$ROOT/build/fuzz/$2.log
	"$ROOT/build/fuzz/${1//\//-}.test" -test.run '^$' -test.fuzz "^$2\$" -test.parallel 1 -test.fuzztime "$TIME" \
		-test.fuzzminimizetime 2s -test.fuzzcachedir "$CACHE/$1" >"$log" 2>&1 || ended "$log" ||
		{ printf '!! %s %s\n%s\n' "$1" "$2" "$(<"$log")"; return 1; }
	printf '%s %s: %s\n' "$1" "$2" "$(grep execs "$log" | tail -1)"
}
export -f run ended
xargs -P 5 -L 1 bash -c 'run "$0" "$1"' <<<"$targets"
