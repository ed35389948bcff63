#!/bin/sh
# Builds the pod helper, static, into built/helper-<arch>, from where package
# helper embeds it. CC and ARCH may be given for another machine.
set -eu
cd "$(dirname "$0")"
arch=${ARCH:-$(go env GOARCH)}
mkdir -p built
${CC:-gcc} -std=gnu11 -Os -Wall -Wextra -Werror -static -s -fno-asynchronous-unwind-tables \
	-ffunction-sections -fdata-sections -Wl,--gc-sections -Wl,-z,noseparate-code -Wl,--build-id=none \
	-o "built/helper-$arch.new" src/*.c
mv "built/helper-$arch.new" "built/helper-$arch"
