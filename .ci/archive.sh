# The release archive: unpacked as README says, run by the command of its systemd unit as a user without rights, and pulled through.
# shellcheck shell=bash

check_archive() {
  local archive root=$work/opt unit port status user=65534 command variables
  archive=$(ls target/mirror-registry-*.tar.gz)
  mkdir -p "$root"
  check "the archive has one folder, of root, readable for all, and one time for all" entries_are_sane "$archive"
  check "it unpacks" tar -xzf "$archive" -C "$root"
  $passing || return 0
  ln -s "$(basename "$archive" .tar.gz)" "$root/mirror-registry"
  unit=$root/mirror-registry/deploy/systemd/mirror-registry.service
  check "what runs and what people read is in it" has_parts "$root/mirror-registry"
  check "systemd knows every line of the unit" verifies "$unit"
  check "the unit leaves little open" systemd-analyze security --offline=yes --threshold=20 --no-pager "$unit"

  port=$(free_port) management=127.0.0.1:$(free_port)
  mirror=127.0.0.1:$port
  printf 'MIRROR_SERVER_PORT=%s\nMIRROR_MANAGEMENT_PORT=%s\nMIRROR_REGISTRY_HOT_URL=http://%s\nMIRROR_REGISTRY_COLD_URL=\n' \
    "$port" "${management#*:}" "${hot:-127.0.0.1:1}" >"$work/mirror-registry.env"
  # nobody has to be able to enter the folders on the way.
  chmod o+x "$work"
  read -ra command <<<"$(setting ExecStart | sed "s|/usr/bin/java|$(jdk 17 || jdk 25)/bin/java|")"
  mapfile -t variables <"$work/mirror-registry.env"
  env -i -C "$root/mirror-registry" "${variables[@]}" "${as_user[@]}" "${command[@]}" >"$work/logs/mirror-archive.log" 2>&1 </dev/null &
  pid=$!
  archived=$pid
  at_exit+=('kill -9 $archived')
  check "its mirror runs, as a user without rights" within 60 healthy "$mirror"
  if $passing; then
    check "that user is none who may write there" runs_as "$user"
    check "skopeo pulls library/hello:latest out of it" pull_with_skopeo library/hello:latest images library/hello:latest
    if [[ ${hot:-} ]]; then
      check "skopeo pulls team/hot-only:1 through it" pull_with_skopeo team/hot-only:1 "$layouts/hot-only" image
      start_containerd
      # Names that lead to no other registry here.
      check "containerd pulls docker.io/team/hot-only:1 with the hosts.toml of docker.io" pull_as_node docker.io
      check "containerd pulls registry.invalid/team/hot-only:1 with that of _default" pull_as_node registry.invalid
    fi
    kill -TERM "$archived"
    wait "$archived" && status=0 || status=$?
    archived=
    check "SIGTERM ends it with a code that the unit takes for success" same "exit code" "$(setting SuccessExitStatus)" "$status"
  fi
  check "a setting that cannot work ends it with the code that the unit does not restart after" ends_for_good
}

# As systemd's DynamicUser: another user, no groups, no way to more rights.
as_user=()
((EUID != 0)) || as_user=(setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs --bounding-set=-all)

# pull_as_node HOST: with the files for nodes as they are in the archive, but for the mirror's address.
pull_as_node() {
  local hosts=$work/certs.d
  rm -rf "$hosts"
  cp -r "$root/mirror-registry/deploy/containerd" "$hosts"
  sed -i "s|mirror.example.com:5000|$mirror|" "$hosts"/*/hosts.toml
  ctr_here images pull --hosts-dir "$hosts" --snapshotter native "$1/team/hot-only:1"
  check_containerd_content "$1/team/hot-only:1" "$layouts/hot-only" image
}

# setting NAME: of the unit.
setting() {
  sed -n "s/^$1=//p" "$unit"
}

entries_are_sane() {
  local list=$work/archive.list
  tar --utc -tvzf "$1" >"$list"
  same "folder" "$(basename "$1" .tar.gz)" "$(awk '{print $6}' "$list" | cut -d / -f 1 | sort -u)"
  same "owners and times" "root/root 2026-01-01 00:00" "$(awk '{print $2, $4, $5}' "$list" | sort -u)"
  same "modes" $'-rw-r--r--\ndrwxr-xr-x' "$(awk '{print $1}' "$list" | LC_ALL=C sort -u)"
}

has_parts() {
  local part
  for part in mirror-registry.jar lib routes/front-door.camel.yaml images/index.json application.properties LICENSE README.md CHANGELOG.md SECURITY.md \
    docs/registries.md deploy/README.md deploy/systemd/mirror-registry.service; do
    ls -d "$1/$part"
  done
  same "libraries" "$(unzip -p "$1/mirror-registry.jar" META-INF/MANIFEST.MF | tr -d '\r' | sed -z 's/\n //g' | sed -n 's/^Class-Path: //p' | tr ' ' '\n' | sed 's|^lib/||' | sort)" \
    "$(ls "$1/lib" | sort)"
}

# verifies UNIT: with the Java of this machine, which may be elsewhere.
verifies() {
  sed -e "s|/usr/bin/java|$(jdk 17 || jdk 25)/bin/java|" -e "s|/opt/|$root/|" "$1" >"$work/mirror-registry.service"
  systemd-analyze verify --man=no "$work/mirror-registry.service" 2>&1 | tee "$work/verified"
  same "remarks" "" "$(grep -F mirror-registry.service "$work/verified" || true)"
}

# within SECONDS COMMAND...
within() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    if ((SECONDS > deadline)) || ! kill -0 "$pid"; then tail -n 20 "$work/logs/mirror-archive.log"; return 1; fi
    sleep 0.2
  done
}

runs_as() {
  ((EUID == 0)) || return 0
  same "user" "$1" "$(stat -c %u "/proc/$pid")"
  ! setpriv --reuid "$1" --regid "$1" --clear-groups test -w "$root/mirror-registry/application.properties"
}

ends_for_good() {
  local status=0
  env -C "$root/mirror-registry" MIRROR_SERVER_PORT=0 "${as_user[@]}" "${command[@]}" || status=$?
  same "exit code" "$(setting RestartPreventExitStatus)" "$status"
}
