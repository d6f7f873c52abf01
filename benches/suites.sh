#!/usr/bin/env bash
# Compares the nine suites against nginx on this machine, and measures its cryptography by itself: what `results/` keeps of both.
#
#   benches/suites.sh [OUT] [OPTION…]     OUT: a folder, default results/<date>-suites; the options go to `shakedown suites`
#
# Environment: SHAKEDOWN (the binary, default target/release/shakedown, built if it is not there).
#
# nginx has one worker on core 0 and both certificates; shakedown has core 1 and one thread.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PATH:/usr/sbin:/sbin" LC_ALL=C
. benches/common.sh

out=${1:-results/$(date -u +%Y-%m-%d)-suites}
shift || true
shakedown=${SHAKEDOWN:-target/release/shakedown}

tests/install-missing.sh nginx:nginx openssl:openssl taskset:util-linux python3:python3
if (($(nproc) < 2)); then
    echo "error: two cores are needed, one for the server and one for the client" >&2
    exit 4
fi
[ -x "$shakedown" ] || cargo build --release --locked

work=$(mktemp -d)
trap clean_up EXIT

echo "== certificates and nginx"
make_certificates
mkdir -p "$work/files/bytes"
for size in 1024 16384 1048576; do
    head -c "$size" /dev/zero | tr '\0' x >"$work/files/bytes/$size"
done
read -r https < <(free_ports 1)
cat >"$work/nginx.conf" <<CONF
$(nginx_head)
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:s:16m;
    ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256;
    ssl_ecdh_curve X25519:P-256;
    sendfile on;
    open_file_cache max=16;
    client_max_body_size 2m;
    client_body_buffer_size 2m;
    server {
        listen 127.0.0.1:$https ssl backlog=4096;
        root $work/files;
        location = / { return 200 '0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\n'; }
        location = /sink { return 200 'taken\n'; }
    }
}
CONF
start_nginx "$https"

echo "== suites"
command=(suites "https://localhost:$https/" --ipv4 --ca "$work/ca.pem" --threads 1 --server-pid "$nginx_pid" --out "$out" --overwrite "$@")
# nginx's master is bound to no core and does nothing; its worker is what is loaded.
taskset -cp 0 "$nginx_pid" >/dev/null
# 3: the result is there, and says itself that it cannot be relied on, or how far.
status=0
taskset -c 1 "$shakedown" "${command[@]}" | tee "$work/suites.txt" || status=${PIPESTATUS[0]}
((status == 0 || status == 3)) || exit "$status"
echo "== crypto"
"$shakedown" crypto --out "$out/crypto" --overwrite | tee "$work/crypto.txt"

{
    echo "# The nine suites against nginx, and this processor's cryptography, $(date -u +%Y-%m-%d)"
    echo
    echo "Made by \`benches/suites.sh\`: $(nginx -v 2>&1 | sed 's/.*: //') with $(openssl version | cut -d' ' -f1,2), one worker on core 0, both certificates;"
    echo "shakedown on core 1, one thread. \`suites.csv\` has a row for each suite, workload and size, \`crypto/crypto.csv\` one for each measurement;"
    echo "\`shakedown report\` renders both again. The commands were"
    echo
    echo '```'
    echo "shakedown suites https://localhost:PORT/ --ipv4 --ca ca.pem --threads 1 --server-pid PID${*:+ $*}"
    echo "shakedown crypto"
    echo '```'
    echo
    echo "## suites"
    echo
    echo '```'
    grep -v '^written to' "$work/suites.txt"
    echo '```'
    echo
    echo "## crypto"
    echo
    echo '```'
    grep -v '^written to' "$work/crypto.txt"
    echo '```'
} >"$out/README.md"
echo "written to $out"
