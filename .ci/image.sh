# The Dockerfile, built and run by docker. No registry with base images is asked: the base is made of this machine's JDK.
# shellcheck shell=bash

check_image() {
  # Names that lead nowhere: should one not be there, no registry outside of this machine is asked for it.
  local base=127.0.0.1:1/jdk built=127.0.0.1:1/mirror begun answered
  start_dockerd
  check "base image from this machine's JDK" import_base "$base"
  $passing || return 0
  check "docker build" build "$base" "$built"
  $passing || return 0
  check "it runs as a user without rights" runs_without_rights "$built"
  check "its AOT cache fits" aot_cache_fits "$built"
  begun=$(date +%s%N)
  start_container "$built"
  check "container gives a first manifest" wait_for_container first_manifest
  answered=$(date +%s%N)
  # The storage driver that works everywhere copies the whole image for each container, which is no time of the mirror's.
  echo "from docker run to the first manifest: $(((answered - begun) / 1000000)) ms," \
    "$(((answered - $(date -d "$(docker_here inspect -f '{{.State.StartedAt}}' mirror)" +%s%N)) / 1000000)) ms of it since the container was started"
  check "container answers /health" wait_for_container healthy "$mirror"
  if $passing; then
    check "its HEALTHCHECK says healthy" wait_for_container container_is_healthy
    check "docker pulls team/hot-only:1 through the container" pull_with_docker team/hot-only:1 "$layouts/hot-only" image
    check "docker pulls library/hello:latest out of the container" pull_with_docker library/hello:latest images library/hello:latest
    check "docker stop ends it in order" stops_in_order
  fi
  docker_here logs mirror >"$work/logs/mirror-container.log" 2>&1 || true
}

# import_base TAG: the JDK, a shell with the usual tools, what they link to, and how this machine reaches the network.
import_base() {
  local home list=$work/base-files tools
  home=$(jdk 25 || jdk 17)
  tools=(base-files bash dash coreutils sed grep tar gzip findutils curl passwd libc-bin util-linux)
  {
    find "$home" -not -name src.zip
    files_of "${tools[@]}"
    { files_of "${tools[@]}" | grep -E '/s?bin/'; find "$home/lib" "$home/bin" -type f; } | linked_by
    find /usr/lib -maxdepth 2 '(' -name 'libnss_*' -o -name 'libresolv*' ')'
    find /etc/ssl /etc/java-* /usr/share/ca-certificates /usr/local/share/ca-certificates 2>/dev/null || true
    printf '%s\n' /bin /sbin /lib /lib64 /bin/sh /etc/passwd /etc/group /etc/shadow /etc/nsswitch.conf /etc/hosts /etc/resolv.conf
  } | sort -u | here_only >"$list"
  tar -C / --no-recursion -cf - -T "$list" | docker_here import -c "ENV JAVA_HOME=$home" \
    -c "ENV PATH=$home/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" - "$1"
}

files_of() {
  { dpkg -L "$@" 2>/dev/null || true; } | grep -vE '^/usr/share/(doc|man|locale|info)/'
}

# linked_by: the shared libraries that the programs on standard input need, with what those names point to.
linked_by() {
  { xargs -r ldd 2>/dev/null || true; } | grep -oE '/[^ :]+\.so[^ :]*' | sort -u | while read -r library; do
    realpath -s "$library"
    readlink -f "$library"
  done
}

# here_only: paths that exist, with /bin/x as /usr/bin/x where /bin is a link, and with every folder on the way there: docker
# makes the missing ones for root alone.
here_only() {
  local path
  while read -r path; do
    if [[ $path =~ ^/(bin|sbin|lib|lib64)/ && -L /${BASH_REMATCH[1]} ]]; then path=/usr$path; fi
    if [[ -e $path || -L $path ]]; then echo ".$path"; fi
  done | awk -F / '{path = $1; for (i = 2; i <= NF; i++) {path = path "/" $i; if (!seen[path]++) print path}}'
}

# build BASE TAG: --network host, as the build stage fetches Maven and the libraries.
build() {
  DOCKER_BUILDKIT=0 timeout 900 docker -H "unix://$work/docker.sock" build --network host \
    --build-arg "BUILD_IMAGE=$1" --build-arg "RUNTIME_IMAGE=$1" -t "$2" .
}

runs_without_rights() {
  local user
  user=$(docker_here image inspect -f '{{.Config.User}}' "$1")
  [[ $user && ${user%%:*} != root && ${user%%:*} != 0 ]]
}

# aot_cache_fits TAG: Java refuses to start where it is told that it must use the cache and cannot.
aot_cache_fits() {
  [[ $(jdk 25) ]] || { echo "there is no JDK 25 on this machine, and an older one knows no AOT cache"; return; }
  docker_here run --rm --network host --entrypoint java "$1" -XX:+UseSerialGC -XX:AOTMode=on -XX:AOTCache=/app/mirror-registry.aot \
    -jar /app/mirror-registry.jar check
}

first_manifest() {
  curl -sf -o "$work/first-manifest" "http://$mirror/v2/library/hello/manifests/latest" -H 'Accept: application/vnd.oci.image.index.v1+json'
}

start_container() {
  local port
  port=$(free_port)
  mirror=127.0.0.1:$port
  docker_here run -d --name mirror --network host --health-interval 2s \
    -e MIRROR_SERVER_PORT="$port" -e MIRROR_MANAGEMENT_PORT="$(free_port)" -e MIRROR_REGISTRY_HOT_URL="http://$hot" \
    -e MIRROR_LOGGING_FORMAT=console "$1" >/dev/null || echo "the container could not be started"
}

wait_for_container() {
  for _ in {1..600}; do
    if "$@"; then return; fi
    [[ $(docker_here inspect -f '{{.State.Running}}' mirror) == true ]] || break
    sleep 0.05
  done
  docker_here inspect -f '{{json .State}}' mirror
  docker_here logs --tail 20 mirror
  return 1
}

container_is_healthy() {
  [[ $(docker_here inspect -f '{{.State.Health.Status}}' mirror) == healthy ]]
}

stops_in_order() {
  docker_here stop -t 30 mirror
  [[ $(docker_here inspect -f '{{.State.ExitCode}}' mirror) =~ ^(0|143)$ ]]
}
