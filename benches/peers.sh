#!/usr/bin/env bash
# Pairs shakedown with wrk, h2load and ab against one nginx, in alternation: client CPU time (user + system) per operation.
#
#   benches/peers.sh [OUT]        OUT: a folder for raw.csv and README.md, default results/<date>-peers
#
# Environment: SHAKEDOWN (the binary, default target/release/shakedown, built if it is not there), ROUNDS (5), SECONDS_EACH (3).
#
# nginx has one worker on core 0, every client core 1. The operations are those that nginx counted (stub_status), the same way for
# every client; the CPU time is that of the whole client process, from getrusage. Rates are not compared: the server is the ceiling.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PATH:/usr/sbin:/sbin" LC_ALL=C
. benches/common.sh

rounds=${ROUNDS:-5}
seconds=${SECONDS_EACH:-3}
out=${1:-results/$(date -u +%Y-%m-%d)-peers}
shakedown=${SHAKEDOWN:-target/release/shakedown}

tests/install-missing.sh nginx:nginx wrk:wrk h2load:nghttp2-client ab:apache2-utils openssl:openssl taskset:util-linux python3:python3
if (($(nproc) < 2)); then
    echo "error: two cores are needed, one for the server and one for the client" >&2
    exit 4
fi
[ -x "$shakedown" ] || cargo build --release --locked
shakedown=$(realpath "$shakedown")

work=$(mktemp -d)
trap clean_up EXIT

echo "== certificates and nginx"
make_certificates
read -r https logged status < <(free_ports 3)
cat >"$work/nginx.conf" <<CONF
$(nginx_head)
    ssl_protocols TLSv1.3;
    ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
    ssl_ecdh_curve X25519;
    log_format tls '\$ssl_protocol \$ssl_cipher \$ssl_curve resumed=\$ssl_session_reused';
    server {
        listen 127.0.0.1:$https ssl backlog=4096;
        location / { return 200 '0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\n'; }
    }
    server {
        listen 127.0.0.1:$logged ssl backlog=4096;
        access_log $work/tls.log tls;
        location / { return 200 '0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\n'; }
    }
    server {
        listen 127.0.0.1:$status;
        location / { stub_status; }
    }
}
CONF
start_nginx "$https"

mkdir -p "$out"
export WORK=$work OUT=$out SHAKEDOWN_BIN=$shakedown HTTPS=$https LOGGED=$logged STATUS=$status ROUNDS_N=$rounds SECONDS_N=$seconds
python3 benches/peers.py
