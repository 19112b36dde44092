# compose.yaml as README says: `docker compose up -d`, push to the cold registry, pull through the mirror.
# shellcheck shell=bash

check_compose() {
  local built=127.0.0.1:1/mirror
  start_dockerd
  check "image of the Dockerfile" image_of_dockerfile "$built"
  $passing || return 0
  docker_here tag "$built" mirror-registry
  check "registry:2 from Debian's docker-registry" import_registry registry:2
  # Compose's own file, but for two things: no registry outside of this machine is asked, and health is told sooner than after half a minute.
  cat >"$work/compose.ci.yaml" <<END
services:
  mirror:
    environment:
      MIRROR_REGISTRY_HOT_URL: http://127.0.0.1:1
    healthcheck:
      interval: 2s
END
  at_exit=(compose_down "${at_exit[@]}")
  check "docker compose up -d" compose_here up -d
  if $passing; then
    check "the mirror on port 5000 answers /health" within_a_minute healthy 127.0.0.1:5000
    check "the registry on port 5001 answers /v2/" within_a_minute curl -sf -o /dev/null http://127.0.0.1:5001/v2/
    check "the mirror's container is healthy" within_a_minute compose_is_healthy
    check "ready on port 9000, with cold up" cold_is_up
    check "docker push localhost:5001/team/app:1" push_with_docker localhost:5001/team/app:1
    check "docker pull localhost:5000/team/app:1" pull_what_was_pushed localhost:5000/team/app:1
    check "the layer is on localhost:5001 for clients" layer_is_at_cold
    check "what nobody has is no image" refuses_unknown
  fi
  compose_here logs --no-color >"$work/logs/mirror-compose.log" 2>&1 || true
  check "docker compose down" compose_goes_down
}

compose_here() {
  DOCKER_HOST=unix://$work/docker.sock limit docker-compose -p mirror-ci -f compose.yaml -f "$work/compose.ci.yaml" --project-directory . "$@"
}

compose_down() {
  compose_here down -v
}

# image_of_dockerfile TAG: the one that the step "image" has built, or else a new one.
image_of_dockerfile() {
  if docker_here image inspect "$1" >/dev/null 2>&1; then return; fi
  import_base 127.0.0.1:1/jdk
  build 127.0.0.1:1/jdk "$1"
}

# import_registry TAG: Debian's registry, with the configuration and the entry point that registry:2 has.
import_registry() {
  local root=$work/registry-2 program
  program=$(command -v docker-registry)
  mkdir -p "$root/etc/docker/registry" "$root/var/lib/registry" "$root/tmp"
  cat >"$root/etc/docker/registry/config.yml" <<END
version: 0.1
storage: {filesystem: {rootdirectory: /var/lib/registry}}
http: {addr: ":5000"}
END
  { echo "$program" | linked_by; find /usr/lib -maxdepth 2 -name 'libnss_*'; printf '%s\n' "$program" /lib /lib64 /etc/nsswitch.conf; } \
    | sort -u | here_only | tar -C / --no-recursion -cf - -T - | tar -C "$root" -xf -
  tar -C "$root" -cf - . | docker_here import -c "ENTRYPOINT [\"$program\", \"serve\"]" -c 'CMD ["/etc/docker/registry/config.yml"]' \
    -c 'EXPOSE 5000' -c 'VOLUME /var/lib/registry' - "$1"
}

within_a_minute() {
  local deadline=$((SECONDS + 60))
  until "$@"; do
    if ((SECONDS > deadline)); then
      compose_here ps
      compose_here logs --no-color --tail 20
      return 1
    fi
    sleep 0.5
  done
}

compose_is_healthy() {
  [[ $(docker_here inspect -f '{{.State.Health.Status}}' "$(compose_here ps -q mirror)") == healthy ]]
}

cold_is_up() {
  curl -sf http://127.0.0.1:9000/observe/health/ready | tee /dev/stderr | jq -e '[.checks[] | select(.name == "registry-cold")][0].status == "UP"'
}

# push_with_docker NAME: an image of one layer that no other has.
push_with_docker() {
  mkdir -p "$work/app"
  head -c 300000 /dev/urandom >"$work/app/file"
  tar -C "$work/app" -cf - file | docker_here import - "$1"
  docker_here image inspect -f '{{json .RootFS.Layers}}' "$1" >"$work/app.layers"
  docker_here push "$1"
  docker_here rmi "$1"
}

pull_what_was_pushed() {
  docker_here pull "$1"
  same "layers" "$(cat "$work/app.layers")" "$(docker_here image inspect -f '{{json .RootFS.Layers}}' "$1")"
  docker_here rmi "$1"
}

layer_is_at_cold() {
  local digest blob
  digest=$(curl -sf http://localhost:5000/v2/team/app/manifests/1 | jq -r '.layers[0].digest')
  blob=/v2/team/app/blobs/$digest
  same "redirect" "307 http://localhost:5001$blob" "$(curl -s -o /dev/null -w '%{http_code} %{redirect_url}' "http://localhost:5000$blob")"
  same "digest" "${digest#sha256:}" "$(curl -sfL "http://localhost:5000$blob" | sha256sum | cut -d ' ' -f 1)"
}

# Hot is away, so the mirror cannot say that it is missing.
refuses_unknown() {
  same "status" 503 "$(curl -s -o /dev/null -w '%{http_code}' http://localhost:5000/v2/team/nowhere/manifests/1)"
}

compose_goes_down() {
  compose_here down -v
  same "containers" "" "$(docker_here ps -aq --filter label=com.docker.compose.project=mirror-ci)"
}
