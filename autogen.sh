#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Makes ./configure from configure.ac. Needs autoconf, automake, libtool and pkg-config.
set -eu
cd "$(dirname "$0")"
for tool in autoreconf automake libtoolize pkg-config; do
    command -v "$tool" >/dev/null 2>&1 || {
        echo "autogen.sh: $tool is not installed" >&2
        echo "autogen.sh: on Debian: apt-get install autoconf automake libtool pkg-config" >&2
        exit 1
    }
done
autoreconf --install --force
