# Pushes that are wrong: uploads that are somebody else's or over, lengths and digests that are lies, bodies that stop, registries that die. Each check
# names what was sent and the status that has to come back. At the end, no log may have the session of an upload.
# shellcheck shell=bash

check_push_attacks() {
  use_mirror replica
  as=(-u "pusher:$(password_of pusher)")
  head -c 100000 /dev/urandom >"$work/chunk"
  start_silent_body
  check_attacks_on_sessions
  check_attacks_on_chunks
  check_attacks_on_digests
  check_attacks_on_manifests
  check_attacks_on_names
  check_attacks_on_bodies
  check "two pushes of one layer at once both end with 201" push_at_once
  check_killed_registry
  check_silent_body
  check "no log has the session of an upload ($(sort -u "$access/secrets" | grep -c .) are looked for)" push_logs_no_secret
}

# has_code CODE: of the last response's body.
has_code() {
  same "code" "$1" "$(jq -r '.errors[0].code' "$work/body")"
}

# refuses WHAT STATUS CODE PATH [CURL OPTION...]: a check of both.
refuses() {
  check "$1: ${2//|/ or }, $3" refuses_with "${@:2}"
}

refuses_with() {
  answers "$1" "${@:3}"
  [[ $(jq -r '.errors[0].code' "$work/body") =~ ^($2)$ ]] || { echo "code, expected $2"; cat "$work/body"; return 1; }
}

# patch: the options of a chunk of 100,000 bytes.
patch() {
  printf '%s\n' -X PATCH -H "Content-Type: application/octet-stream" -T "$work/chunk"
}

# --- sessions

check_attacks_on_sessions() {
  local session path place patching=() old digest
  mapfile -t patching < <(patch)
  begin team/attack
  session=${upload##*/}
  for place in 0 10 $((${#session} / 2)) $((${#session} - 12)) $((${#session} - 1)); do
    refuses "session, its character $place another" 404 BLOB_UPLOAD_UNKNOWN "/v2/team/attack/blobs/uploads/$(changed "$session" "$place")" "${patching[@]}" "${as[@]}"
  done
  refuses "session, cut off"                     404 BLOB_UPLOAD_UNKNOWN "/v2/team/attack/blobs/uploads/${session:0:60}" "${patching[@]}" "${as[@]}"
  refuses "session, longer"                      404 BLOB_UPLOAD_UNKNOWN "/v2/team/attack/blobs/uploads/${session}AAAA" "${patching[@]}" "${as[@]}"
  refuses "session, of nobody"                   404 BLOB_UPLOAD_UNKNOWN "/v2/team/attack/blobs/uploads/$(secret 5f3b0a9e-1111-2222-3333-444444444444)" "${patching[@]}" "${as[@]}"
  refuses "session, status of a changed one"     404 BLOB_UPLOAD_UNKNOWN "/v2/team/attack/blobs/uploads/$(changed "$session" 20)" "${as[@]}"
  refuses "session, cancel of a changed one"     404 BLOB_UPLOAD_UNKNOWN "/v2/team/attack/blobs/uploads/$(changed "$session" 20)" -X DELETE "${as[@]}"
  refuses "session, commit of a changed one"     404 BLOB_UPLOAD_UNKNOWN "/v2/team/attack/blobs/uploads/$(changed "$session" 20)?digest=$(sha256 "$work/chunk")" -X PUT "${as[@]}"
  refuses "session, in another repository"       404 BLOB_UPLOAD_UNKNOWN "/v2/team/other/blobs/uploads/$session" "${patching[@]}" "${as[@]}"
  refuses "session, in another repository, without a login" '401|404' 'UNAUTHORIZED|BLOB_UPLOAD_UNKNOWN' "/v2/team/other/blobs/uploads/$session" "${patching[@]}"
  refuses "session, of another user"             404 BLOB_UPLOAD_UNKNOWN "$upload" "${patching[@]}" -u "other:$(password_of other)"
  refuses "session, of another user who may pull" 404 BLOB_UPLOAD_UNKNOWN "$upload" "${patching[@]}" -u "reader:$(password_of reader)"
  for path in .. %2e%2e a/b 'a%2fb' '' '%00' "$(printf 'A%.0s' {1..8000})" "$session/" "$session%20"; do
    sent "session ${path:0:30}"                  '400|401|404|405|414|431' "/v2/team/attack/blobs/uploads/$path" "${patching[@]}" "${as[@]}"
  done
  sent "the right session, without a login: tokens end during long pushes" 202 "$upload" "${patching[@]}"
  use_mirror newer
  begin team/attack
  use_mirror replica
  refuses "session of a mirror with another secret" 404 BLOB_UPLOAD_UNKNOWN "$upload" "${patching[@]}" "${as[@]}"

  begin team/attack
  old=$upload digest=$(sha256 "$work/chunk")
  check "an upload as it should be" commit "$digest" -H "Content-Type: application/octet-stream" -T "$work/chunk"
  refuses "after the commit, the commit again"   404 BLOB_UPLOAD_UNKNOWN "$old?digest=$digest" -X PUT -H "Content-Type: application/octet-stream" -T "$work/chunk" "${as[@]}"
  refuses "after the commit, a chunk"            404 BLOB_UPLOAD_UNKNOWN "$old" "${patching[@]}" "${as[@]}"
  refuses "after the commit, its status"         404 BLOB_UPLOAD_UNKNOWN "$old" "${as[@]}"
  refuses "after the commit, cancel"             404 BLOB_UPLOAD_UNKNOWN "$old" -X DELETE "${as[@]}"
}

# changed TEXT PLACE: with another character there, whose upper bits are others too.
changed() {
  local other=A
  if [[ ${1:$2:1} == [A-P] ]]; then other=w; fi
  printf '%s%s%s' "${1:0:$2}" "$other" "${1:$2+1}"
}

# --- chunks

check_attacks_on_chunks() {
  local range
  check "a chunk that was sent before: 416 with Range, and the upload goes on" refuses_out_of_order 0-99999
  check "a chunk that leaves some out: 416 with Range, and the upload goes on" refuses_out_of_order 200000-299999
  begin team/attack
  for range in 0-199999 0-49999 5-1 x-y "bytes */3" 0-99999999999999999999 -1-5 ""; do
    sent "Content-Range \"$range\" of 100,000 bytes" "$([[ $range ]] && echo '400|416' || echo 202)" "$upload" -X PATCH -H "Content-Type: application/octet-stream" \
      -H "Content-Range: $range" -T "$work/chunk" "${as[@]}"
    begin team/attack
  done
}

refuses_out_of_order() {
  begin team/attack
  chunk 202 0-99999 "$work/chunk"
  chunk 416 "$1" "$work/chunk"
  same "Range" 0-99999 "$(field range)"
  if [[ $(field location) ]]; then goes_on; fi
  commit "$(sha256 "$work/chunk")"
}

# --- digests

check_attacks_on_digests() {
  local digest put=(-X PUT -H "Content-Type: application/octet-stream" -T "$work/chunk")
  begin team/attack
  refuses "commit with another digest"           400 DIGEST_INVALID "$upload?digest=sha256:$(printf '0%.0s' {1..64})" "${put[@]}" "${as[@]}"
  sent "what was refused is not there"           404 "/v2/team/attack/blobs/sha256:$(printf '0%.0s' {1..64})" --head "${as[@]}"
  for digest in sha256:zz x '' sha256: "sha256:$(printf 'A%.0s' {1..64})" "md5:$(printf 'a%.0s' {1..32})" "sha256:$(printf 'a%.0s' {1..65})" '../../etc/passwd' '%00'; do
    begin team/attack
    refuses "commit with digest \"${digest:0:40}\""       400 DIGEST_INVALID "$upload?digest=$digest" "${put[@]}" "${as[@]}"
    [[ ! $digest ]] || refuses "single POST with digest \"${digest:0:40}\""  400 DIGEST_INVALID "/v2/team/attack/blobs/uploads/?digest=$digest" -X POST --data-binary "@$work/chunk" \
      -H "Content-Type: application/octet-stream" "${as[@]}"
  done
  begin team/attack
  refuses "commit without a digest"              400 DIGEST_INVALID "$upload" "${put[@]}" "${as[@]}"
  begin team/attack
  refuses "commit with two digests"              400 DIGEST_INVALID "$upload?digest=$(sha256 "$work/chunk")&digest=sha256:$(printf '0%.0s' {1..64})" "${put[@]}" "${as[@]}"
  refuses "mount of a digest that is none"       400 DIGEST_INVALID "/v2/team/attack/blobs/uploads/?mount=sha256:zz&from=team/app" -X POST "${as[@]}"
  refuses "mount from a name that is none"       400 NAME_INVALID "/v2/team/attack/blobs/uploads/?mount=$(layer_of layers)&from=Team/../app" -X POST "${as[@]}"
}

# --- manifests

check_attacks_on_manifests() {
  local put=(-X PUT -H "Content-Type: $image_type") good kind reference
  good=$(blob_of "$layouts/layers" "$(digest_of "$layouts/layers")")
  listen manifests
  check "manifest of 4 MiB + 1 byte: 413 SIZE_INVALID before a byte of it is sent" answers_at_once 413 SIZE_INVALID \
    "PUT /v2/team/attack/manifests/1 HTTP/1.1" "Content-Type: $image_type" "Content-Length: 4194305"
  check "manifest of 4 MiB + 1 byte, Expect: 100-continue: 413, not 100" answers_at_once 413 SIZE_INVALID \
    "PUT /v2/team/attack/manifests/1 HTTP/1.1" "Content-Type: $image_type" "Content-Length: 4194305" "Expect: 100-continue"
  head -c 5000000 /dev/zero | tr '\0' ' ' >"$work/five"
  refuses "manifest of 5 MB of unknown length"   413 SIZE_INVALID /v2/team/attack/manifests/1 "${put[@]}" -H "Transfer-Encoding: chunked" -H "Expect:" --data-binary "@$work/five" "${as[@]}"
  for kind in '' '{' 'null' '[]' '"a"' '<html>' '{} {}' "$(printf '[%.0s' {1..2000})"; do
    printf '%s' "$kind" >"$work/nonsense"
    refuses "manifest ${kind:0:40}"              400 MANIFEST_INVALID /v2/team/attack/manifests/1 "${put[@]}" --data-binary "@$work/nonsense" "${as[@]}"
  done
  refuses "manifest under another's digest"      400 DIGEST_INVALID "/v2/team/attack/manifests/sha256:$(printf '0%.0s' {1..64})" "${put[@]}" --data-binary "@$good" "${as[@]}"
  for reference in .. .hidden -dash "$(printf 'a%.0s' {1..129})" 'a%20b' 'a%00b' 'a/b' 'ü' 'a:b' sha256:zz; do
    sent "manifest as ${reference:0:20}"         '400|404' "/v2/team/attack/manifests/$reference" "${put[@]}" --data-binary "@$good" "${as[@]}"
  done
  sent "manifest by digest, with a tag that is none" 400 "/v2/team/attack/manifests/$(digest_of "$layouts/layers")?tag=a%20b" "${put[@]}" --data-binary "@$good" "${as[@]}"
  check "none of these was sent on to the registry" same "what it was asked" "" "$(heard passwords manifests | grep '^PUT ' || true)"
  for kind in '{"schemaVersion":2}' '{"schemaVersion":2,"config":1,"layers":"x"}' '{"schemaVersion":2,"layers":{"a":[{}]}}'; do
    printf '%s' "$kind" >"$work/nonsense"
    refuses "manifest ${kind:0:40}, by the registry" 400 'MANIFEST_INVALID|DIGEST_INVALID' /v2/team/attack/manifests/1 "${put[@]}" --data-binary "@$work/nonsense" "${as[@]}"
  done
  refuses "manifest as text/html"                '400|415' MANIFEST_INVALID /v2/team/attack/manifests/1 -X PUT -H "Content-Type: text/html" --data-binary "@$good" "${as[@]}"
  refuses "manifest whose layers are not there"  '400|404' MANIFEST_BLOB_UNKNOWN /v2/team/attack/manifests/1 "${put[@]}" --data-binary "@$(missing_layers)" "${as[@]}"
  check "manifest by the digest that it has, and its layers there: 201" same "status" 201 "$(as_own "$good")"
}

# missing_layers: the file of a manifest whose layers are nowhere.
missing_layers() {
  jq -c '.layers[0].digest = "sha256:'"$(printf '3%.0s' {1..64})"'"' "$(blob_of "$layouts/layers" "$(digest_of "$layouts/layers")")" >"$work/missing-layers"
  echo "$work/missing-layers"
}

as_own() {
  put_manifest "$1" "team/layers-of-crane:$(digest_of "$layouts/layers")"
}

# answers_at_once STATUS CODE LINE...: the head of a request whose body never comes.
answers_at_once() {
  printf '%s\n' "${@:3}" "Authorization: Basic $(printf %s "pusher:$(password_of pusher)" | base64 -w0)" | timeout 20 python3 .ci/raw_request.py "$mirror" 0 wait >"$work/raw"
  cat "$work/raw"
  head -n 1 "$work/raw" | grep "^HTTP/1.1 $1 "
  grep -F "\"$2\"" "$work/raw"
}

# --- names

check_attacks_on_names() {
  local name
  for name in Team/app team//app team/../app team/.app team/app/ 'team%2fapp' team/a%00b 'team/ä' "$(printf 'a%.0s' {1..256})" -team/app 'team/app;x'; do
    sent "POST to an upload in ${name:0:30}"     '400|404' "/v2/$name/blobs/uploads/" -X POST "${as[@]}"
    sent "PUT of a manifest in ${name:0:30}"     '400|404' "/v2/$name/manifests/1" -X PUT -H "Content-Type: $image_type" -d '{}' "${as[@]}"
  done
  sent "POST to an upload with two namespaces"   400 "/v2/team/attack/blobs/uploads/?ns=a.example.com&ns=b.example.com" -X POST "${as[@]}"
  for name in OPTIONS TRACE PATCH PUT; do
    sent "$name /v2/"                            '401|404|405' /v2/ -X "$name" "${as[@]}"
    sent "$name of a list of tags"               '400|404|405' /v2/team/app/tags/list -X "$name" "${as[@]}"
  done
  sent "PUT of a blob by its digest"             '400|404|405' "/v2/team/attack/blobs/$(sha256 "$work/chunk")" -X PUT -T "$work/chunk" "${as[@]}"
}

# --- bodies

check_attacks_on_bodies() {
  check "a body that breaks off: the upload is not committed"        breaks_off close
  check "a body whose connection is reset: the upload is not committed" breaks_off reset
  check "a commit whose body breaks off: no blob"                    breaks_off_commit
  check "Content-Length and Transfer-Encoding at once: 400"          answers_raw 400 "Content-Length: 5" "Transfer-Encoding: chunked"
  check "two lengths: 400"                                           answers_raw 400 "Content-Length: 5" "Content-Length: 6"
  check "a negative length: 400"                                     answers_raw 400 "Content-Length: -5"
  check "Expect: something else: 417"                                 answers_raw 417 "Content-Length: 0" "Expect: a-miracle"
  check "Expect: 100-continue by somebody who may not push: 401, not 100" expects_nothing
  check "Expect: 100-continue, and the body never comes: the mirror goes on" never_follows
  check "pulls go on" same "status" 200 "$(status /v2/team/layers-of-crane/manifests/1)"
}

# raw_patch BYTES THEN LINE...: a PATCH of a new upload.
raw_patch() {
  printf '%s\n' "PATCH $upload HTTP/1.1" "Content-Type: application/octet-stream" "${@:3}" "Authorization: Basic $(printf %s "pusher:$(password_of pusher)" | base64 -w0)" |
    timeout 100 python3 .ci/raw_request.py "$mirror" "$1" "$2" >"$work/raw"
  cat "$work/raw"
}

# answers_raw STATUS LINE...: the first answer has that status, and no later one is a success.
answers_raw() {
  begin team/attack
  raw_patch 5 wait "${@:2}"
  head -n 1 "$work/raw" | grep -E "^HTTP/1.1 $1 "
  if grep -E '^HTTP/1.1 20[14]' "$work/raw"; then return 1; fi
}

breaks_off() {
  begin team/attack
  raw_patch 50000 "$1" "Content-Length: 100000"
  sleep 0.5
  answers '400|404|416' "$upload?digest=$(head -c 100000 /dev/zero | sha256)" -X PUT "${as[@]}"
  same "HEAD" 404 "$(status "/v2/team/attack/blobs/$(head -c 100000 /dev/zero | sha256)" --head "${as[@]}")"
}

breaks_off_commit() {
  local digest
  digest=$(head -c 100000 /dev/zero | sha256)
  begin team/attack
  printf '%s\n' "PUT $upload?digest=$digest HTTP/1.1" "Content-Type: application/octet-stream" "Content-Length: 100000" |
    timeout 100 python3 .ci/raw_request.py "$mirror" 99999 close
  sleep 0.5
  same "HEAD" 404 "$(status "/v2/team/attack/blobs/$digest" --head "${as[@]}")"
}

expects_nothing() {
  printf '%s\n' "POST /v2/team/attack/blobs/uploads/?digest=$(sha256 "$work/chunk") HTTP/1.1" "Content-Type: application/octet-stream" "Content-Length: 100000" "Expect: 100-continue" |
    timeout 20 python3 .ci/raw_request.py "$mirror" 0 wait >"$work/raw"
  cat "$work/raw"
  head -n 1 "$work/raw" | grep '^HTTP/1.1 401 '
}

never_follows() {
  begin team/attack
  raw_patch 0 reset "Content-Length: 100000" "Expect: 100-continue"
  chunk 202 0-99999 "$work/chunk"
}

# A body that stops while its connection stays: it is looked at after the other checks.
start_silent_body() {
  begin team/attack
  silent=$upload
  (raw_patch 50000 wait "Content-Length: 100000" >"$work/silent" 2>&1) &
  silent_pid=$!
}

check_silent_body() {
  wait "$silent_pid" 2>/dev/null || true
  cp "$work/silent" "$work/said"
  check "a body that stops, on a connection that stays: the mirror ends it with 400" ends_silent_body
  shown
}

ends_silent_body() {
  cat "$work/silent"
  head -n 1 "$work/silent" | grep '^HTTP/1.1 400 '
}

# --- one layer twice at a time

push_at_once() {
  local number digest status=0 pids=()
  head -c 10000000 /dev/urandom >"$work/twice"
  digest=$(sha256 "$work/twice")
  for number in 1 2; do
    (
      begin_as "$number"
      same "PATCH" 202 "$(one_of_two PATCH "$upload" -T "$work/twice" --limit-rate 10M)"
      upload=$(tr -d '\r' <"$work/twice-$number.head" | sed -n 's/^location: *//Ip' | tail -n 1)
      same "PUT" 201 "$(one_of_two PUT "$upload?digest=$digest")"
    ) &
    pids+=($!)
  done
  for number in "${pids[@]}"; do wait "$number" || status=1; done
  ((status == 0))
  same "bytes" "$digest" "$(ask -L "${as[@]}" "http://$mirror/v2/team/twice/blobs/$digest" | sha256)"
}

begin_as() {
  ask -o "$work/twice-$1.body" -D "$work/twice-$1.head" -X POST "${as[@]}" "http://$mirror/v2/team/twice/blobs/uploads/"
  upload=$(tr -d '\r' <"$work/twice-$1.head" | sed -n 's/^location: *//Ip')
}

one_of_two() {
  ask -o "$work/twice-$number.body" -D "$work/twice-$number.head" -w '%{http_code}' -X "$1" "${as[@]}" -H "Content-Type: application/octet-stream" "${@:3}" "http://$mirror$2"
}

# --- a registry that dies

check_killed_registry() {
  disown "$passwords_pid"   # or the shell would tell of its end between the checks
  check "a registry that is killed in the middle of 300 MB: the client gets 503 or a cut" is_cut_by_killed_registry
  sed -n 's/^killed: /     /p' "$work/check.out"
  start_passwords
  check "after its restart: uploads begin again" begins_again
  check "after its restart: skopeo pushes 300 MB" pushes_again
}

is_cut_by_killed_registry() {
  local pushing code
  begin team/killed
  limit curl -sS -o "$work/killed.body" -w '%{http_code}\n' -X PATCH "${as[@]}" -H "Content-Type: application/octet-stream" --limit-rate 100M \
    -T "$(blob_of "$layouts/large" "$(layer_of large)")" "http://$mirror$upload" >"$work/killed.code" 2>"$work/killed.err" &
  pushing=$!
  sleep 1
  kill -0 "$pushing"   # it is under way
  kill -KILL -- "-$passwords_pid"
  wait "$pushing" || true
  code=$(cat "$work/killed.code")
  echo "killed: the client got ${code:-nothing} $(head -c 200 "$work/killed.body") $(cat "$work/killed.err")"
  [[ $code == 503 || $code == 000 ]]
  same "the next request" 503 "$(status /v2/team/killed/blobs/uploads/ -X POST "${as[@]}")"
}

begins_again() {
  for _ in {1..100}; do
    if [[ $(status /v2/team/killed/blobs/uploads/ -X POST "${as[@]}") == 202 ]]; then return; fi
    sleep 0.1
  done
  cat "$work/body"
  return 1
}

pushes_again() {
  logs_in skopeo pusher "$(password_of pusher)"
  pushes_back passwords pusher skopeo team/killed:1 large
}

push_logs_no_secret() {
  local name
  for name in pusher other reader; do
    password_of "$name" >>"$access/secrets"
    printf %s "$name:$(password_of "$name")" | base64 -w0 >>"$access/secrets"
    echo >>"$access/secrets"
  done
  printf '%s\n' "$robot_token" "${cold_account#*:}" "$(printf %s "$cold_account" | base64)" >>"$access/secrets"
  sort -u "$access/secrets" | grep -E '.{8}' >"$work/secrets"
  (($(wc -l <"$work/secrets") > 30))
  for name in passwords replica newer tokens; do
    [[ -s $work/logs/mirror-push-$name.log ]]
    if grep -F -m 3 -f "$work/secrets" "$work/logs/mirror-push-$name.log" | cut -c 1-300; then return 1; fi
  done
}
