#!/usr/bin/env bash
# Installs with apt the packages of those commands that are missing; a command may be a file, too:
#   tests/install-missing.sh COMMAND:PACKAGE...
set -euo pipefail

missing=()
for peer in "$@"; do
    command -v "${peer%%:*}" >/dev/null || [ -e "${peer%%:*}" ] || missing+=("${peer##*:}")
done
if ((${#missing[@]})); then
    echo "== installing ${missing[*]}"
    sudo=; [ "$(id -u)" = 0 ] || sudo=sudo
    $sudo apt-get update -qq
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi
