#!/usr/bin/env bash
# How often `shakedown suites` says what is true: an endpoint that does not differ from itself shows no difference, and a cost of a tenth on
# one suite is found, with an interval that covers it. Whole comparisons on this machine, which should be calm: server on core 0, client on core 1.
#
#   benches/aa.sh [N]     N comparisons of each kind, 10 if not given: eight minutes or so
#
# Exit code 1 where fewer than nine of ten are right.
set -euo pipefail
cd "$(dirname "$0")/.."

tests/install-missing.sh taskset:util-linux
if (($(nproc) < 2)); then
    echo "error: two cores are needed, one for the server and one for the client" >&2
    exit 4
fi
cargo bench --locked --bench aa -- "${1:-10}"
