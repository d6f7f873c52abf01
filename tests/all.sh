#!/usr/bin/env bash
# The whole test suite: installs the peers that are missing (apt), then runs formatting, lints, docs and every test, those against
# nginx, haproxy, OpenSSL and curl included. A peer that cannot be had is a failure here, not a skipped test.
set -euo pipefail
cd "$(dirname "$0")/.."

export PATH="$PATH:/usr/sbin:/sbin"

tests/install-missing.sh nginx:nginx haproxy:haproxy openssl:openssl curl:curl taskset:util-linux unshare:util-linux mount:mount c++:g++

echo "== formatting"
cargo fmt --check
echo "== lints"
cargo clippy --locked --all-targets -- -D warnings
echo "== fuzz targets"
# With the versions that the package is locked to, so that most of it is compiled already.
cp Cargo.lock fuzz/Cargo.lock
CARGO_TARGET_DIR=target cargo check --quiet --manifest-path fuzz/Cargo.toml
echo "== docs"
RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --quiet
echo "== tests, with every peer"
cargo test --locked --no-fail-fast -- --include-ignored
