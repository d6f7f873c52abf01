# What the benchmark scripts share; sourced, with `work` a temporary folder that exists.

# An authority and two certificates of it for localhost, made in the folder $work: ca.pem, ecdsa.pem, rsa.pem and their keys.
make_certificates() {
    # nginx's worker is another user, and reads files there.
    chmod 755 "$work"
    (
        cd "$work"
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 2 \
            -subj '/CN=bench authority' -addext basicConstraints=critical,CA:TRUE
        printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n' >leaf.ext
        certificate() {
            openssl req -new -nodes -keyout "$1.key" -out "$1.csr" -subj /CN=localhost "${@:2}"
            openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile leaf.ext -out "$1.pem"
        }
        certificate ecdsa -newkey ec -pkeyopt ec_paramgen_curve:P-256
        certificate rsa -newkey rsa:2048
    ) >"$work/openssl.log" 2>&1 || { cat "$work/openssl.log" >&2; exit 4; }
}

# As many free ports of 127.0.0.1 as asked for, on one line.
free_ports() {
    python3 - "$1" <<'PY'
import socket, sys
sockets = [socket.socket() for _ in range(int(sys.argv[1]))]
for s in sockets: s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in sockets))
PY
}

# Starts nginx with $work/nginx.conf, sets nginx_pid, and waits until it serves TLS at the port $1.
start_nginx() {
    nginx -p "$work" -e "$work/error.log" -c "$work/nginx.conf" &
    nginx_pid=$!
    for _ in $(seq 50); do
        openssl s_client -connect "127.0.0.1:$1" -CAfile "$work/ca.pem" -brief </dev/null >"$work/hello" 2>&1 && break
        sleep 0.1
    done
    grep -q 'Verification: OK' "$work/hello" || { cat "$work/hello" "$work/error.log" >&2; exit 4; }
}

# Ends nginx and removes the folder.
clean_up() {
    [ -z "${nginx_pid:-}" ] || { kill "$nginx_pid" && wait "$nginx_pid"; } 2>/dev/null || true
    rm -rf "$work"
}

# The start of an nginx.conf, up to within `http`: one worker on core 0, nothing written outside $work, both certificates.
nginx_head() {
    cat <<CONF
daemon off;
worker_processes 1;
worker_cpu_affinity 01;
worker_rlimit_nofile 8192;
pid $work/nginx.pid;
error_log $work/error.log warn;
events { worker_connections 4096; }
http {
    access_log off;
    client_body_temp_path $work/body; proxy_temp_path $work/proxy; fastcgi_temp_path $work/fastcgi;
    uwsgi_temp_path $work/uwsgi; scgi_temp_path $work/scgi;
    keepalive_requests 100000000;
    keepalive_timeout 60s;
    ssl_certificate $work/ecdsa.pem;
    ssl_certificate_key $work/ecdsa.key;
    ssl_certificate $work/rsa.pem;
    ssl_certificate_key $work/rsa.key;
CONF
}
