# Pushes through the packaged program to three registries: real clients push, pull back and are refused (push-clients.sh), bad requests and registries that
# die (push-attacks.sh), proxies with TLS, several replicas, memory, the conformance suite, and the worked examples of docs/push.md. Needs `packages`,
# `package` and `registries`.
# shellcheck shell=bash

# Pinned: another release may do other things; the bench measures the same one.
distribution=github.com/distribution/distribution/v3/cmd/registry@v3.1.2

# The names of the registries that take pushes; each is a variable with its address.
push_targets=(passwords newer tokens)

check_push() {
  local access=$work/push-access access_settings=() plan_registries=(passwords) passwords newer tokens passwords_pid robot_token upload
  local -A mirror_of=() management_of=() pid_of=()
  local PATH=$work/bin:$PATH as=()
  install_push_programs
  start_push_targets
  write_push_access
  start_push_mirrors
  check_push_clients
  check_push_protocol
  check_push_by_proxies
  check_replicas
  check_push_memory
  check_push_conformance
  check_push_examples
  check_push_attacks
}

install_push_programs() {
  [[ -x $work/bin/helm ]] || install_access_clients
  twice env GOBIN="$work/bin" go install "$distribution" >"$work/logs/go-install.log" 2>&1 || { tail "$work/logs/go-install.log"; return 1; }
  GOBIN=$work/bin go install "$suite"
  if [[ ! -e $work/chart-0.1.0.tgz ]]; then
    helm create "$work/chart" >"$work/logs/helm.log"
    helm package "$work/chart" --destination "$work" >>"$work/logs/helm.log"
  fi
}

# --- the registries: docker-registry 2.8 with an account, distribution v3 without one, and docker-registry 2.8 with Bearer tokens

start_push_targets() {
  local realm
  passwords=127.0.0.1:$(free_port) newer=127.0.0.1:$(free_port) tokens=127.0.0.1:$(free_port) realm=127.0.0.1:$(free_port)
  mkdir -p "$work/token-service"
  openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=tokens" -keyout "$work/token-service/key.pem" -out "$work/token-service/cert.pem" \
    2>"$work/logs/openssl.log"
  start token-service python3 .ci/token_service.py "${realm#*:}" "$work/token-service" "$cold_account" tokens
  wait_for token-service curl -s "http://$realm/"
  start_passwords
  start_target newer "$newer" registry
  start_target tokens "$tokens" docker-registry "auth: {token: {realm: \"http://$realm/token\", service: tokens, issuer: tokens, rootcertbundle: $work/token-service/cert.pem}}"
}

start_passwords() {
  start_target passwords "$passwords" docker-registry "$(with_account passwords)"
  passwords_pid=$pid
}

# start_target NAME ADDRESS PROGRAM [MORE]: a registry that allows deletions. Its log has a line for each request.
start_target() {
  cat >"$work/$1.yml" <<END
version: 0.1
log: {level: warn}
storage: {filesystem: {rootdirectory: $work/$1}, delete: {enabled: true}}
http: {addr: "$2"}
${4:-}
END
  start "registry-$1" env OTEL_TRACES_EXPORTER=none "$3" serve "$work/$1.yml"
  wait_for "registry-$1" curl -s "http://$2/v2/"
}

# at_target TARGET NAME:TAG: the digest of what the registry itself has. (crane wants no token service on loopback.)
at_target() {
  limit skopeo inspect --raw --tls-verify=false --creds "$cold_account" "docker://${!1}/$2" >"$work/at-target" || return
  sha256 "$work/at-target"
}

# --- the mirrors: one before each registry, and a second one before the first

write_push_access() {
  local name
  mkdir -p "$access"
  : >"$access/secrets"
  for name in pusher other reader "${push_clients[@]/%/-wrong}"; do
    htpasswd -nbB -C 5 "$name" "$(password_of "$name")" | grep . >>"$access/users.htpasswd"
  done
  cat >"$access/access.yaml" <<'END'
users: users.htpasswd
robots: robots.yaml
rules:
  - {who: "user:pusher", repositories: ["team/**", "team-a/**", "conformance/**"], may: [pull, push, delete]}
  - {who: "user:other",  repositories: "other/**",                               may: [pull, push]}
  - {who: "user:reader", repositories: "**",                                     may: [pull]}
  - {who: anyone,        repositories: "team/**",                                may: [pull]}
END
  access_settings=(MIRROR_ACCESS_FILE="$access/access.yaml" MIRROR_SECRET="a secret of these replicas, $RANDOM$RANDOM" MIRROR_REGISTRY_HOT_URL="http://$hot")
  robot_token=$(mirror_command robot add ci --repositories 'team/**' --may pull,push --days 1 2>"$work/logs/robot.log")
  as=(-u "pusher:$(password_of pusher)")
}

start_push_mirrors() {
  local account=(MIRROR_REGISTRY_COLD_USERNAME="${cold_account%%:*}" MIRROR_REGISTRY_COLD_PASSWORD="${cold_account#*:}")
  start_push_mirror passwords "$passwords" "${account[@]}" MIRROR_PUSH_DELETE=true MIRROR_SERVER_TRUSTED_PROXIES=127.0.0.1
  # The log at its most talkative must not have an upload's session either.
  start_push_mirror replica "$passwords" "${account[@]}" MIRROR_PUSH_DELETE=true MIRROR_LOGGING_LEVEL=debug
  mkdir -p "$work/push-examples"
  cp -r routes images "$work/push-examples"
  mirror_in=$work/push-examples start_push_mirror newer "$passwords" "${account[@]}" MIRROR_REGISTRY_OWN_URL="http://$newer" MIRROR_PUSH_REGISTRY=own \
    MIRROR_PLAN="own, hot, cold" MIRROR_PUSH_DELETE=true MIRROR_SECRET="a secret of another mirror, $RANDOM$RANDOM"
  start_push_mirror tokens "$tokens" "${account[@]}"
  use_mirror passwords
}

# start_push_mirror NAME COLD [VARIABLE=VALUE...]: pushes go to cold, if no variable says otherwise.
start_push_mirror() {
  start_mirror "push-$1" MIRROR_PUSH_REGISTRY=cold "${access_settings[@]}" MIRROR_REGISTRY_COLD_URL="http://$2" "${@:3}"
  mirror_of[$1]=$mirror management_of[$1]=$management pid_of[$1]=$pid
}

use_mirror() {
  mirror=${mirror_of[$1]} management=${management_of[$1]}
}

# --- one upload by hand

# begin [REPOSITORY] [CURL OPTION...]: sets `upload` to the path of a new upload, and keeps its session for the search in the logs.
begin() {
  ask -o "$work/body" -D "$work/head" -X POST "${as[@]}" "${@:2}" "http://$mirror/v2/${1:-team/app}/blobs/uploads/"
  goes_on
}

# goes_on: sets `upload` to where the last response says that the upload goes on.
goes_on() {
  local session
  upload=$(field location)
  session=${upload##*/}
  if [[ $upload == */uploads/* ]]; then echo "${session:0:40}" >>"$access/secrets"; fi
}

# field NAME: of the head of the last response.
field() {
  tr -d '\r' <"$work/head" | sed -n "s/^$1: *//Ip" | tail -n 1
}

# chunk STATUS FIRST-LAST FILE [PATH]: PATCH of those bytes; the upload goes on where the response says.
chunk() {
  same "status of PATCH $2" "$1" "$(ask -o "$work/body" -D "$work/head" -w '%{http_code}' -X PATCH "${as[@]}" -H "Content-Type: application/octet-stream" \
    -H "Content-Range: $2" -T "$3" "http://$mirror${4:-$upload}")" || { cat "$work/body"; return 1; }
  if [[ $1 == 202 ]]; then goes_on; fi
}

# commit DIGEST [CURL OPTION...]: PUT that ends the upload.
commit() {
  same "status of PUT" 201 "$(ask -o "$work/body" -D "$work/head" -w '%{http_code}' -X PUT "${as[@]}" "${@:2}" "http://$mirror$upload?digest=$1")" ||
    { cat "$work/body"; return 1; }
}

sha256() {
  echo "sha256:$(sha256sum "$@" | cut -d' ' -f1)"
}

# --- what clients do not show

check_push_protocol() {
  use_mirror passwords
  as=(-u "pusher:$(password_of pusher)")
  sent "a layer that hot has, asked for by somebody who may not push"       200 "/v2/team/hot-only/blobs/$(layer_of hot-only)" --head -L
  sent "a layer that hot has and the target lacks, asked for by the pusher" 404 "/v2/team/hot-only/blobs/$(layer_of hot-only)" --head "${as[@]}"
  check "Location is a path, whatever the host"                             location_is_path
  check "chunks, status, and a commit with the last bytes"                  pushes_chunks
  check "a single POST with digest and body: 202, and the upload goes on"    pushes_by_post
  check "cancel: 204, then 404"                                             cancels
  push "$layouts/layers" passwords/secret/app:1   # the mirror's account could mount from there
  check "mount from a repository of the target: 201"                        mounts team/layers-of-crane 201
  check "mount from a repository that the user may not pull: 202"           mounts secret/app 202
  check "mount from nowhere: 202"                                           mounts team/nowhere 202
  check "a manifest whose layers only hot has: they are copied"             completes hot-only team/hot-only:1
  check "a manifest whose layers nobody has: MANIFEST_BLOB_UNKNOWN"         lacks_blobs
  check "delete a tag's manifest: 202, then 404"                            deletes_manifest
  check "delete a blob: 202, then 404 for the pusher"                       deletes_blob
  use_mirror tokens
  sent "delete where mirror.push.delete is false"                           405 "/v2/team/app/manifests/$(digest_of "$layouts/layers")" -X DELETE "${as[@]}"
  use_mirror passwords
  check "metrics count the pushes"                                          counts_pushes
  check "the access line has the user and the bytes that came in"           has_access_line
  check "the audit line names user, repository and tag"                     has_audit_line
}

location_is_path() {
  begin team/app -H "Host: mirror.example.com"
  [[ $upload =~ ^/v2/team/app/blobs/uploads/[A-Za-z0-9_-]+$ ]] || { cat "$work/head"; return 1; }
  [[ $(field docker-upload-uuid) ]]
  same "Range" 0-0 "$(field range)"
}

pushes_chunks() {
  local file=$work/chunked
  head -c 300000 /dev/urandom >"$file"
  split --bytes 100000 --suffix-length 1 --numeric-suffixes=1 "$file" "$file."
  begin team/app
  chunk 202 0-99999 "$file.1"
  same "Range" 0-99999 "$(field range)"
  chunk 202 100000-199999 "$file.2"
  same "status of GET" "204" "$(ask -o "$work/body" -D "$work/head" -w '%{http_code}' "${as[@]}" "http://$mirror$upload")"
  same "Range of GET" 0-199999 "$(field range)"
  if [[ $(field location) ]]; then goes_on; fi
  commit "$(sha256 "$file")" -H "Content-Range: 200000-299999" -H "Content-Type: application/octet-stream" -T "$file.3"
  has_blob "$file"
}

# has_blob FILE: the response names the blob, which can be pulled at its Location.
has_blob() {
  same "Docker-Content-Digest" "$(sha256 "$1")" "$(field docker-content-digest)"
  same "Location" "/v2/team/app/blobs/$(sha256 "$1")" "$(field location)"
  ask -L "${as[@]}" "http://$mirror$(field location)" | cmp - "$1"
}

# These registries take no blob with the first request, and the client goes on as if it had not tried.
pushes_by_post() {
  head -c 100000 /dev/urandom >"$work/posted"
  same "status" 202 "$(ask -o "$work/body" -D "$work/head" -w '%{http_code}' -X POST "${as[@]}" -H "Content-Type: application/octet-stream" \
    --data-binary "@$work/posted" "http://$mirror/v2/team/app/blobs/uploads/?digest=$(sha256 "$work/posted")")"
  goes_on
  commit "$(sha256 "$work/posted")" -H "Content-Type: application/octet-stream" -T "$work/posted"
  has_blob "$work/posted"
}

cancels() {
  begin team/app
  chunk 202 0-99999 "$work/chunked.1"
  same "DELETE" 204 "$(status "$upload" -X DELETE "${as[@]}")"
  same "GET after it" 404 "$(status "$upload" "${as[@]}")"
}

mounts() {
  begin "team/mounted" -G -d "mount=$(layer_of layers)" -d "from=$1"
  same "status" "$2" "$(head -n 1 "$work/head" | cut -d' ' -f2)"
  [[ $2 == 202 ]] || same "Location" "/v2/team/mounted/blobs/$(layer_of layers)" "$upload"
}

# put_manifest FILE NAME:REFERENCE [TYPE]: prints the status.
put_manifest() {
  ask -o "$work/body" -D "$work/head" -w '%{http_code}' -X PUT "${as[@]}" -H "Content-Type: ${3:-$image_type}" --data-binary "@$1" \
    "http://$mirror/v2/${2%%:*}/manifests/${2#*:}"
}

# completes LAYOUT NAME:TAG
completes() {
  local digest
  digest=$(digest_of "$layouts/$1")
  same "status" 201 "$(put_manifest "$(blob_of "$layouts/$1" "$digest")" "$2")"
  same "Docker-Content-Digest" "$digest" "$(field docker-content-digest)"
  same "digest at the target" "$digest" "$(at_target passwords "$2")"
  ask -u "$cold_account" "http://$passwords/v2/${2%:*}/blobs/$(layer_of "$1")" | cmp - "$(blob_of "$layouts/$1" "$(layer_of "$1")")"
}

lacks_blobs() {
  layout "$layouts/nowhere" "$(image "$layouts/nowhere" amd64 1000)"
  same "status" 404 "$(put_manifest "$(blob_of "$layouts/nowhere" "$(digest_of "$layouts/nowhere")")" team/nowhere:1)" || [[ $(head -n 1 "$work/head") == *" 400 "* ]]
  same "code" MANIFEST_BLOB_UNKNOWN "$(jq -r '.errors[0].code' "$work/body")"
}

deletes_manifest() {
  same "GET" 200 "$(status /v2/team/hot-only/manifests/1)"
  same "DELETE" 202 "$(status "/v2/team/multi-of-skopeo/manifests/$(digest_of "$layouts/multi")" -X DELETE "${as[@]}")"
  same "GET by the pusher" 404 "$(status /v2/team/multi-of-skopeo/manifests/1 "${as[@]}")"
  same "GET by anyone" 404 "$(status /v2/team/multi-of-skopeo/manifests/1)"
}

deletes_blob() {
  local path
  path=/v2/team/app/blobs/$(sha256 "$work/posted")
  same "DELETE" 202 "$(status "$path" -X DELETE "${as[@]}")"
  same "HEAD" 404 "$(status "$path" --head "${as[@]}")"
}

counts_pushes() {
  local metric
  ask "http://$management/observe/metrics" | grep -E '^mirror_(push|upload)' >"$work/push-metrics"
  cat "$work/push-metrics"
  for metric in 'mirror_pushes_total\{.*asked="manifest".*result="accepted".*\}' 'mirror_pushes_total\{.*asked="upload".*result="accepted".*\}' \
    'mirror_push_bytes_total\{registry="cold".*\}'; do
    grep -E "^$metric [1-9]" "$work/push-metrics"
  done
  grep -E '^mirror_uploads_running.* 0' "$work/push-metrics"
}

has_access_line() {
  grep -m 1 -E ' access PATCH /v2/team/app/blobs/uploads/… 202 cold .* user=pusher .*received=100000 ' "$work/logs/mirror-push-passwords.log"
}

has_audit_line() {
  grep -m 1 -E " audit pushed /v2/team/layers-of-crane/manifests/1 user=pusher .*digest=$(digest_of "$layouts/layers") " "$work/logs/mirror-push-passwords.log"
}

# --- nginx and Caddy with TLS, with the configurations of deploy/

check_push_by_proxies() {
  local tls=$work/tls-push address=127.0.0.1 behind=${mirror_of[passwords]} front
  make_certificates
  for front in nginx caddy; do
    mirror=$address:$(free_port)
    "start_$front"
    check "skopeo pushes 300 MB through $front with TLS, and pulls them back" pushes_over_tls "team/large-by-$front:1"
    shown
  done
}

pushes_over_tls() {
  local secure=(--authfile "$work/push-tls.json") to=$work/pulled
  password_of pusher | limit skopeo login --cert-dir "$tls/authority" "${secure[@]}" -u pusher --password-stdin "$mirror"
  saying limit skopeo copy --insecure-policy --preserve-digests --dest-cert-dir "$tls/authority" "${secure[@]}" "oci:$layouts/large:image" "docker://$mirror/$1"
  same "digest at the target" "$(digest_of "$layouts/large")" "$(at_target passwords "$1")"
  rm -rf "$to"
  limit skopeo copy --quiet --insecure-policy --preserve-digests --src-cert-dir "$tls/authority" "${secure[@]}" "docker://$mirror/$1" "oci:$to:image"
  same_blobs "$to" "$layouts/large"
  rm -rf "$to"
}

# --- two replicas with one secret

check_replicas() {
  check "an upload goes on at the other replica, chunk by chunk" alternates
  start_balancer
  check "docker pushes to two replicas in turn, and pulls back" logs_and_pushes docker team/balanced:1 layers
  shown
  check "crane pushes to two replicas in turn, and pulls back" logs_and_pushes crane team/balanced-by-crane:1 layers
  check "both replicas had their part of the uploads" both_had_uploads
  sed -n 's/^[0-9]* requests at/     &/p' "$work/check.out"
}

alternates() {
  local file=$work/chunked digest
  digest=$(sha256 "$file")
  use_mirror passwords
  begin team/replicas
  use_mirror replica
  chunk 202 0-99999 "$file.1"
  use_mirror passwords
  chunk 202 100000-199999 "$file.2"
  use_mirror replica
  same "status of GET" 204 "$(ask -o "$work/body" -D "$work/head" -w '%{http_code}' "${as[@]}" "http://$mirror$upload")"
  same "Range" 0-199999 "$(field range)"
  if [[ $(field location) ]]; then goes_on; fi
  chunk 202 200000-299999 "$file.3"
  use_mirror passwords
  commit "$digest"
  same "bytes" "$digest" "$(ask -L "${as[@]}" "http://$mirror/v2/team/replicas/blobs/$digest" | sha256)"
}

# The proxy's own buffers for bodies stay in its folder; it takes the replicas in turn, request by request.
start_balancer() {
  local folder=$work/nginx-push
  mkdir -p "$folder"
  mirror=127.0.0.1:$(free_port)
  cat >"$folder/nginx.conf" <<END
pid $folder/pid;
error_log stderr;
events { }
http {
  access_log off;
  client_body_temp_path $folder/body;
  proxy_temp_path $folder/proxy;
  fastcgi_temp_path $folder/fastcgi;
  uwsgi_temp_path $folder/uwsgi;
  scgi_temp_path $folder/scgi;
  upstream replicas {
    server ${mirror_of[passwords]};
    server ${mirror_of[replica]};
  }
  server {
    listen $mirror;
    client_max_body_size 0;
    proxy_request_buffering off;
    proxy_http_version 1.1;
    proxy_set_header Host \$http_host;
    proxy_next_upstream off;
    location / { proxy_pass http://replicas; }
  }
}
END
  start nginx-push nginx -c "$folder/nginx.conf" -g 'daemon off;'
  wait_for nginx-push healthy "$mirror"
}

logs_and_pushes() {
  logs_in "$1" pusher "$(password_of pusher)"
  pushes_back passwords pusher "$@"
}

both_had_uploads() {
  local name
  for name in passwords replica; do
    grep -cE ' access .*(PATCH|PUT) ?.*/v2/team/balanced' "$work/logs/mirror-push-$name.log" | sed "s/$/ requests at $name/"
  done
}

# --- memory

most_growth=120   # MB

check_push_memory() {
  use_mirror passwords
  check "64 uploads of 20 MB at once: resident memory grows by less than $most_growth MB, and pulls go on" stays_small
  sed -n 's/^figures: /     /p' "$work/check.out"
}

# resident FIELD: MB of the mirror's process; VmHWM is its peak since it was reset.
resident() {
  awk -v field="$1:" '$1 == field {print int($2 / 1024)}' "/proc/${pid_of[passwords]}/status"
}

stays_small() {
  local number before peak after uploads more pulls=0
  local path=/v2/team/layers-of-crane/manifests/1
  head -c 20000000 /dev/urandom >"$work/twenty"
  same "a manifest" 200 "$(status $path)"
  for number in {1..64}; do
    begin team/memory
    ((number == 1)) || echo next
    printf 'url = "http://%s%s"\nupload-file = "%s"\nrequest = PATCH\nuser = "pusher:%s"\nheader = "Content-Type: application/octet-stream"\nlimit-rate = 4M\nsilent\noutput = "%s"\ndump-header = "%s"\nwrite-out = "%%{http_code}\\n"\n' \
      "$mirror" "$upload" "$work/twenty" "$(password_of pusher)" "$work/memory.body" "$work/memory-$number.head"
  done >"$work/memory.curl"
  begin team/memory
  before=$(resident VmRSS)
  echo 5 >"/proc/${pid_of[passwords]}/clear_refs"
  limit curl -Z --parallel-immediate --parallel-max 64 -K "$work/memory.curl" >"$work/memory.txt" 2>"$work/memory.err" &
  uploads=$!
  : >"$work/memory.pulls"
  while kill -0 "$uploads" 2>/dev/null; do
    ask -o "$work/body" -w '%{http_code} %{time_total}\n' "http://$mirror$path" >>"$work/memory.pulls"
    pulls=$((pulls + 1))
    if ((pulls == 15)); then
      more=$(ask -o "$work/body" -D "$work/head" -w '%{http_code}' -X PATCH "${as[@]}" -T "$work/chunked" "http://$mirror$upload")
      more+=" $(field retry-after) $(jq -r '.errors[0].code' "$work/body")"
    fi
    sleep 0.05
  done
  wait "$uploads"
  peak=$(resident VmHWM)
  for number in {1..64}; do
    same "cancel" 204 "$(status "$(tr -d '\r' <"$work/memory-$number.head" | sed -n 's/^location: *//Ip' | tail -n 1)" -X DELETE "${as[@]}")"
  done
  sleep 1
  after=$(resident VmRSS)
  echo "figures: resident memory $before MB before, $peak MB at most, $after MB after;" \
    "$pulls pulls of a manifest meanwhile, the longest $(cut -d' ' -f2 "$work/memory.pulls" | sort -n | tail -n 1) s"
  same "uploads" "64 202" "$(sort "$work/memory.txt" | uniq -c | sed 's/^ *//')"
  same "pulls that were not 200" "" "$(grep -v '^200 ' "$work/memory.pulls" || true)"
  same "one upload more" "503 5 UNAVAILABLE" "$more"
  ((pulls >= 20)) || { echo "only $pulls pulls"; return 1; }
  ((peak - before <= most_growth))
}

# --- conformance

check_push_conformance() {
  local target
  for target in passwords newer; do
    check "conformance suite with pushes to $target: nothing fails through the mirror that passes directly" conforms "$target"
    sed -n 's/^\(worse\|better\|suite\)/     &/p' "$work/check.out"
  done
}

conforms() {
  run_push_suite "$1-direct" "${!1}" "${cold_account%%:*}" "${cold_account#*:}"
  run_push_suite "$1-through" "${mirror_of[$1]}" pusher "$(password_of pusher)"
  python3 .ci/compare_suites.py "$work/conformance-$1-direct/junit.xml" "$work/conformance-$1-through/junit.xml"
}

# run_push_suite NAME ADDRESS USER PASSWORD: all that the suite has, with what the next version of the specification adds.
run_push_suite() {
  (
    export OCI_REGISTRY=$2 OCI_TLS=disabled OCI_USERNAME=$3 OCI_PASSWORD=$4 OCI_VERSION=dev
    export OCI_REPO1=conformance/$1/first OCI_REPO2=conformance/$1/second OCI_RESULTS_DIR=$work/conformance-$1
    cd "$work" || return
    limit "$work/bin/conformance" >"$work/conformance.txt" 2>&1 || true
  )
  [[ -s $work/conformance-$1/junit.xml ]] || { tail -n 20 "$work/conformance.txt"; return 1; }
  echo "suite $1: $(counted Pass) passed, $(counted FAIL) failed, $(counted Error) broken, $(counted Skip) skipped, $(counted Disabled) disabled"
  (($(counted Pass) > 100))
}

# --- the worked examples of docs/push.md, as they stand there, on the mirror that runs

check_push_examples() {
  local folder=$work/push-examples log=$work/logs/mirror-push-newer.log
  use_mirror newer
  check "crane logs in as pusher, for the examples" logs_in crane pusher "$(password_of pusher)"

  patch_routes push-prefix
  patch_routes prefix-to-one-registry
  check "one prefix to another registry: there it has the name without the prefix"    pushes_prefix
  check "one prefix to another registry: others go where they went"                    pushes_back newer pusher crane team/after-edit:1 hot-only
  patch_routes prefix-to-one-registry -R
  patch_routes push-prefix -R

  patch_routes push-kept-tags
  check "tags that may not be overwritten: the first push"                             pushes_back newer pusher crane team/kept:1.0 hot-only
  check "tags that may not be overwritten: another image is refused"                   is_refused_by_route team/kept:1.0 cold-only
  shown
  check "tags that may not be overwritten: 403 DENIED with the digest that is there"   names_present_digest
  check "tags that may not be overwritten: the same image again"                       pushes_back newer pusher crane team/kept:1.0 hot-only
  check "tags that may not be overwritten: latest may"                                 overwrites team/kept:latest
  check "tags that may not be overwritten: nor deleted"                                refuses_deletion
  patch_routes push-kept-tags -R

  patch_routes push-refused
  check "a push that is refused: latest by pusher"                                     is_refused_by_route team/latest:latest hot-only
  shown
  check "a push that is refused: another tag by pusher"                                pushes_back newer pusher crane team/latest:1 hot-only
  check "crane logs in as the robot ci, for the examples" logs_in crane ci "$robot_token"
  check "a push that is refused: latest by the robot ci"                               pushes_back newer ci crane team/latest:latest hot-only
  patch_routes push-refused -R
}

# patch_routes EXAMPLE [-R]: and waits until the running mirror has noticed.
patch_routes() {
  local before what="docs/examples/$1.patch"
  before=$(grep -c 'Routes changed' "$log" || true)
  check "$what ${2:+is taken back, and }takes effect without a restart" takes_patch "$what" "${2:---forward}" "$before"
}

takes_patch() {
  env -C "$folder" patch -p1 "$2" <"$1"
  for _ in {1..300}; do
    if (($(grep -c 'Routes changed' "$log" || true) > $3)); then return; fi
    sleep 0.1
  done
  tail -n 3 "$log"
  return 1
}

pushes_prefix() {
  account crane pusher
  push_with_crane_as pusher team-a/pushed:1 layers
  same "digest at the other registry" "$(digest_of "$layouts/layers")" "$(at_target passwords pushed:1)"
  if at_target newer team-a/pushed:1; then return 1; fi
  rm -rf "$work/pulled"
  pull_back_with_crane team-a/pushed:1 "$(digest_of "$layouts/layers")" "$layouts/layers"
}

is_refused_by_route() {
  account crane pusher
  if saying push_with_crane_as pusher "$1" "$2"; then return 1; fi
  grep -i denied "$work/said"
}

names_present_digest() {
  same "status" 403 "$(put_manifest "$(blob_of "$layouts/cold-only" "$(digest_of "$layouts/cold-only")")" team/kept:1.0)"
  cat "$work/body"
  same "code" DENIED "$(jq -r '.errors[0].code' "$work/body")"
  grep -F "$(digest_of "$layouts/hot-only")" "$work/body"
  same "digest at the registry" "$(digest_of "$layouts/hot-only")" "$(at_target newer team/kept:1.0)"
}

overwrites() {
  pushes_back newer pusher crane "$1" hot-only
  pushes_back newer pusher crane "$1" cold-only
}

refuses_deletion() {
  same "status" 403 "$(status /v2/team/kept/manifests/1.0 -X DELETE "${as[@]}")"
  same "digest at the registry" "$(digest_of "$layouts/hot-only")" "$(at_target newer team/kept:1.0)"
}
