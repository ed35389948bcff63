#!/bin/sh
# Builds the toolbox's image into runtime/toolbox/built/, from where package
# toolbox embeds it. CC and ARCH may be given for another machine; making its
# image for another architecture needs that architecture's programs to run.
set -eu
cd "$(dirname "$0")/../.."
arch=${ARCH:-$(go env GOARCH)}
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
mkdir -p runtime/toolbox/built
GOARCH=$arch CGO_ENABLED=0 go build -trimpath -tags nethttpomithttp2,netgo,osusergo -ldflags '-s -w -buildid=' -o "$temp/toolbox" ./cmd/toolbox
${CC:-gcc} -Os -Wall -Wextra -Werror -static -s -Wl,--gc-sections -Wl,--build-id=none -o "$temp/tiny" cmd/toolbox/tiny/tiny.c
ls -l "$temp" >&2
go run ./runtime/toolbox/pack "$temp/toolbox" "$temp/tiny" "$temp/image"
mv "$temp/image" "runtime/toolbox/built/toolbox-$arch.tar"
