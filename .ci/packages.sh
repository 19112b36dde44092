# The registries and clients that real people use, from Debian.
# shellcheck shell=bash

packages=(
  docker-registry apache2-utils          # the registries, and htpasswd for the cold one
  docker.io containerd runc podman skopeo umoci # the clients
  docker-compose                         # compose.yaml
  nginx wrk                              # what bench/ compares with, and by
  caddy openssl                          # TLS before the mirror, with nginx
  systemd util-linux unzip               # the release archive, as a service
  prometheus chromium                    # what watches it
  postgresql                             # the queue of copies, for replicas
  python3-venv                           # for the check of what is given to Kubernetes
  jq curl patch perl-base ca-certificates gzip
)
programs=(docker-registry htpasswd docker docker-compose dockerd containerd ctr runc podman skopeo umoci nginx wrk caddy openssl prometheus promtool chromium psql python3 jq curl patch perl systemd-analyze setpriv unzip)

install_packages() {
  if ((EUID != 0)); then
    echo "not root: nothing is installed, the programs have to be there already"
  else
    without_starting_services apt_install
  fi
  local program missing=()
  for program in "${programs[@]}"; do
    command -v "$program" >/dev/null || missing+=("$program")
  done
  if ((${#missing[@]})); then
    echo "missing: ${missing[*]}" >&2
    return 1
  fi
  local package
  for package in docker-registry docker.io containerd podman skopeo; do
    dpkg-query -W -f '${Package} ${Version}\n' "$package" 2>/dev/null || true
  done
}

apt_install() {
  export DEBIAN_FRONTEND=noninteractive
  # A list that cannot be refreshed matters only if a package is then missing.
  twice apt-get -q -o Acquire::Retries=2 update >"$work/logs/apt-update.log" 2>&1 \
    || echo "apt-get update had trouble; going on with the lists there are"
  # Newer Debians have docker's client in a package of its own.
  if apt-cache show docker-cli >/dev/null 2>&1; then packages+=(docker-cli); fi
  twice apt-get -q -y -o Acquire::Retries=2 install --no-install-recommends "${packages[@]}" \
    >"$work/logs/apt-install.log" 2>&1 || { tail -n 30 "$work/logs/apt-install.log"; return 1; }
}

twice() {
  "$@" || { sleep 5; "$@"; }
}

# Debian asks policy-rc.d before a package starts its service; 101 means no. This run starts its own.
without_starting_services() {
  local policy=/usr/sbin/policy-rc.d status=0
  if [[ -e $policy ]]; then
    "$@"
    return
  fi
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  "$@" || status=$?
  rm -f "$policy"
  return "$status"
}
