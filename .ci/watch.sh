# What operators watch with: a real Prometheus scrapes three mirrors and evaluates every query of the dashboard and the alert rules,
# and a real browser opens the status page.
# shellcheck shell=bash

check_watching() {
  local sound away edited near page=$work/status prometheus chromium
  chromium=(timeout 60 chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --user-data-dir="$work/chromium" --virtual-time-budget=7000)
  prometheus=127.0.0.1:$(free_port)
  # Copies go to a registry of this step: others pull what is only at cold.
  near=127.0.0.1:$(free_port)
  start_registry watched "$near"
  watched_mirror sound MIRROR_REGISTRY_HOT_URL="http://$hot" MIRROR_PLAN="hot, cold, near" MIRROR_REGISTRY_NEAR_URL="http://$near" MIRROR_WARM_TO=near \
    MIRROR_STORE_URL="jdbc:h2:file:$work/watched-sound"
  sound="$mirror $management"
  echo 'rules: [{who: anyone, repositories: "**", may: [pull, push]}]' >"$work/pushers.yaml"
  watched_mirror away MIRROR_REGISTRY_HOT_URL=http://127.0.0.1:1 MIRROR_PUSH_REGISTRY=hot MIRROR_ACCESS_FILE="$work/pushers.yaml" MIRROR_SECRET="a secret of this run" \
    MIRROR_WARM_TO=hot MIRROR_STORE_URL="jdbc:h2:file:$work/watched-away"
  away="$mirror $management"
  edited_mirror
  edited="$mirror $management"
  check "the alert rules are valid"     promtool check rules deploy/prometheus/mirror-registry.rules.yml
  check "each alert fires when it must" promtool test rules deploy/prometheus/mirror-registry.rules.test.yml

  sed -e "s/127.0.0.1:9000/${sound#* }\", \"${away#* }\", \"${edited#* }/" -e 's/_interval: 15s/_interval: 1s/' \
    -e "s|mirror-registry.rules.yml|$PWD/deploy/prometheus/&|" deploy/prometheus/prometheus.yml >"$work/prometheus.yml"
  start prometheus prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/prometheus" --web.listen-address="$prometheus"
  wait_for prometheus curl -sf "http://$prometheus/-/ready"
  pull_for 12 "${sound% *}" "${away% *}"
  check "Prometheus reads all mirrors" until_true 15 reads_all
  check "the names of metrics have no remark" lint "${sound#* }"
  # Rates are those of the last ten seconds.
  pull_for 300 "${sound% *}" "${away% *}" &
  pulling=$!
  at_exit+=(end_pulls)
  check "every query of the dashboard returns data" every_query_returns deploy/grafana/mirror-registry.json
  end_pulls
  check "every alert asks for what is there" every_alert_asks
  check "the registry that is away is about to be told" is_pending MirrorRegistryAway
  check "pushes that fail are about to be told" is_pending MirrorRegistryPushesFail
  check "the status page shows it all in a browser" shows "${sound#* }" "All is well" "closed: it is asked" "not-here: answered 404" "the cache: " " in 10 s" "manifest.camel.yaml" \
    "not found (404, normal): " '<details id="manual">'
  check "the status page shows what was copied" shows "${sound#* }" "Copying" "team/cold-only"
  check "the status page shows where copying pauses, and why" shows "${away#* }" "127.0.0.1:1" "Copying"
  # Its banner is of the last minute.
  pull_for 2 "${away% *}"
  check "the status page says first that pulls fail, and that a registry is away" shows "${away#* }" 'class="failing"' " pulls failed in the last minute: " \
    " × 503 (no registry could serve)" "Registry hot: it is down: 127.0.0.1:1 connection refused" "open: it is not asked" "not-asked: "
  check "its first sentence is of the pulls, and its figures have values" is_alarmed_with_figures
  check "the status page shows an edit that is refused once, as text" shows "${edited#* }" "An edit of the routes is refused; the last good routes serve: routes/health.camel.yaml:" \
    "registry for: &lt;img src=x onerror=document.title=1&gt;" "One fault in an edit that is refused: see the top of the page." '<details id="manual" open="">' "/NAME:TAG"
  check "the status page shows who may pull" shows "${edited#* }" "access.yaml decides." "10.0.0.0/8" "public/**" \
    "user:&lt;img src=x onerror=document.title=2&gt;" "alice" "expired: 2024-01-01T00:00:00Z"
  check "the status page does not show access while it is off" hides_access "${sound#* }"
  echo "rules: none" >"${work}/edited/access.yaml"
  check "the access file that is refused is measured" is_refused "${edited#* }"
  check "the status page shows that it is refused" shows "${edited#* }" "A change of the access files is refused; the last good ones decide: access.yaml:1:8: rules is a list" \
    "a change is refused: see the top of the page." "public/**"
  check "the status page shows hostile texts as text, on 400 pixels" is_unmoved_by_hostile_texts "${away#* }"
}

watched_mirror() {
  start_mirror "watched-$1" "${@:2}" MIRROR_REGISTRY_COLD_URL="http://$cold" MIRROR_HEALTH_INTERVAL=1s MIRROR_CACHE_TAG_TTL=2s MIRROR_CACHE_MISS_TTL=2s \
    MIRROR_REGISTRY_COLD_USERNAME="${cold_account%%:*}" MIRROR_REGISTRY_COLD_PASSWORD="${cold_account#*:}"
}

# A mirror with TLS, with access control, and with routes of its own, in which something stands that a page must not take for HTML.
edited_mirror() {
  local mirror_in=$work/edited scheme=https
  mkdir -p "$mirror_in"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=mirror" -keyout "$mirror_in/tls.key" -out "$mirror_in/tls.crt" \
    2>"$work/logs/openssl-edited.log"
  cp -r routes "$mirror_in"
  cat >"$mirror_in/access.yaml" <<'END'
users: users.htpasswd
robots: robots.yaml
rules:
  - {who: anyone, from: 10.0.0.0/8, repositories: "public/**", may: [pull]}
  - {who: "user:<img src=x onerror=document.title=2>", repositories: "**", may: [pull]}
END
  echo 'alice:$2y$04$E4JgwxwSnRORI32QL8rj8e9xtHReXO1QjLeDEA1VOqLVuwRaugmL2' >"$mirror_in/users.htpasswd"
  cat >"$mirror_in/robots.yaml" <<'END'
robots:
  - name: old
    token: "sha256:f2ca1bb6c7e907d06dafe4687e579fce76b37e4e93b7605022da52e6ccc26fd2"
    repositories: ["team/**"]
    may: [pull]
    expires: 2024-01-01T00:00:00Z
END
  watched_mirror edited MIRROR_REGISTRY_HOT_URL="http://$hot" MIRROR_SERVER_TLS_CERTIFICATE=tls.crt MIRROR_SERVER_TLS_KEY=tls.key \
    MIRROR_ACCESS_FILE=access.yaml MIRROR_SECRET="a secret of this run"
  sed -i 's|ref: answer|ref: "<img src=x onerror=document.title=1>"|' "$mirror_in/routes/health.camel.yaml"
}

# pull_for SECONDS MIRROR...: and a push that begins at the mirror whose registry is away.
pull_for() {
  local until=$((SECONDS + $1)) one path
  shift
  while ((SECONDS < until)); do
    for one; do
      for path in team/both/manifests/1 team/hot-only/manifests/1 team/cold-only/manifests/1 team/nowhere/manifests/1 \
        "team/hot-only/blobs/$(layer_of hot-only)" "team/cold-only/blobs/$(layer_of cold-only)" team/both/tags/list; do
        ask -o "$work/body" "http://$one/v2/$path"
      done
    done
    ask -o "$work/body" -X POST "http://${away% *}/v2/team/pushed/blobs/uploads/"
    sleep 0.2
  done
}

# end_pulls: ends those that run in the background, once.
end_pulls() {
  [[ -n ${pulling:-} ]] || return 0
  kill "$pulling" 2>/dev/null || true
  wait "$pulling" 2>/dev/null || true
  pulling=
}

# lint MANAGEMENT: promtool looks at all that is measured, at both addresses.
lint() {
  local remarks address
  for address in "http://$1/observe/metrics" "http://$1/metrics"; do
    curl -sSf "$address" >"$work/metrics.txt"
    remarks=$(promtool check metrics <"$work/metrics.txt" 2>&1) || true
    same "remarks" "" "$remarks"
  done
}

# query EXPRESSION: what Prometheus finds now.
query() {
  curl -sS --data-urlencode "query=$1" "http://$prometheus/api/v1/query"
}

returns_data() {
  query "$1" | jq -e '[.data.result[]? | .value[1] | select(. != "NaN")] | length > 0' >/dev/null || { echo "no data: $1"; query "$1"; return 1; }
}

reads_all() {
  same "mirrors" 3 "$(query 'sum(up{job="mirror-registry"})' | jq -r '.data.result[0].value[1]')"
}

every_query_returns() {
  local expression count=0 without=0
  while IFS= read -r expression; do
    expression=${expression//'$__rate_interval'/10s} expression=${expression//'$job'/.*} expression=${expression//'$instance'/.*}
    returns_data "$expression" || without=$((without + 1))
    count=$((count + 1))
  done < <(jq -r '.. | .expr? // empty' "$1")
  echo "$count queries, $without without data"
  ((count > 30 && without == 0))
}

# Without its comparison, the expression of an alert has to find something even while all is well.
every_alert_asks() {
  local expression
  while IFS= read -r expression; do
    returns_data "$(sed -E 's/ (==|>|<) [0-9.e+]+$//' <<<"$expression")"
  done < <(curl -sS "http://$prometheus/api/v1/rules" | jq -re '.data.groups[].rules[].query')
}

is_pending() {
  curl -sS "http://$prometheus/api/v1/alerts" | jq -e --arg name "$1" '.data.alerts[] | select(.labels.alertname == $name)'
}

# dom ADDRESS: the page once its script has run, without the script, whose texts are not on the page.
dom() {
  for _ in 1 2 3; do
    "${chromium[@]}" --dump-dom "http://$1" 2>"$work/logs/chromium.log" | sed '/<script>/,/<\/script>/d' >"$page.html"
    [[ -s $page.html ]] && break
  done
}

# shows MANAGEMENT TEXT...: the texts are on the page; a picture of it is kept.
shows() {
  local address=$1 text
  shift
  dom "$address/"
  "${chromium[@]}" --window-size=1100,1500 --screenshot="$page-${address##*:}.png" "http://$address/" >>"$work/logs/chromium.log" 2>&1
  for text; do
    grep -qF -- "$text" "$page.html" || { echo "the page has no \"$text\""; sed -n "/<main/,\$p" "$page.html"; return 1; }
  done
  ! grep -F "does not answer this page" "$page.html" || return 1
}

hides_access() {
  dom "$1/"
  grep -F '<section id="access" aria-labelledby="access-title" hidden' "$page.html"
}

# is_refused MANAGEMENT: within ten seconds.
is_refused() {
  for _ in {1..100}; do
    ! curl -sS "http://$1/observe/metrics" | grep -qx 'mirror_access_file_refused 1.0' || return 0
    sleep 0.1
  done
  echo "mirror_access_file_refused is not 1"
  return 1
}

# The mirror whose hot registry is away: what clients see of it comes before what the registry is like.
is_alarmed_with_figures() {
  dom "${away#* }/"
  grep -o '<strong>[^<]*' "$page.html" | head -n 1 | grep -F "pulls failed in the last minute" || return 1
  grep -o '<dt>[^<]*</dt><dd class="value[^"]*">[^<]*' "$page.html" | tee "$work/figures"
  same "figures with a value" 5 "$(grep -c '>[<0-9&][^>]*$' "$work/figures")"
}

# is_unmoved_by_hostile_texts MANAGEMENT: every text that the page gets is replaced, and it runs without the policy that would stop a script.
is_unmoved_by_hostile_texts() {
  local folder=$work/hostile address hostile
  address=127.0.0.1:$(free_port)
  hostile='<script>document.title="taken"</script><img src=x onerror=document.title="taken">'$'\u202e'$(printf 'x%.0s' {1..512})
  mkdir -p "$folder"
  curl -sS "http://$1/" >"$folder/index.html"
  curl -sS "http://$1/status.json" | jq --arg hostile "$hostile" --argjson access "$(curl -sS "http://${edited#* }/status.json" | jq .access)" '.access = $access
    | .access.issuers = [{issuer: "", audience: "", user: ""}] | .access.away = "" | (.. | strings) |= $hostile 
    | .pulls.counts[$hostile] = .pulls.counts.none | .certificate = $hostile | .routes.refused = [$hostile, $hostile]' >"$folder/status.json"
  cat >"$folder/frame.html" <<'END'
<!doctype html><title>none yet</title><iframe id="frame" src="index.html" width="400" height="800"></iframe>
<script>
let first;
setInterval(() => {
  const shown = frame.contentDocument, root = shown.documentElement, cell = shown.querySelector('#registries tbody th');
  first ??= cell;
  // The page looks again after five seconds. What a reader has marked or focused must stay.
  document.title = `${shown.title} | ${shown.images.length} images, ${shown.scripts.length} script, ${root.scrollWidth <= root.clientWidth ? 'fits' : `${root.scrollWidth} wide`}, ${
    first === cell ? 'the same' : 'replaced'}`;
}, 200);
</script>
END
  start hostile python3 -m http.server "${address#*:}" --bind 127.0.0.1 --directory "$folder"
  # Started inside of a check, it is not among those that are stopped at the end.
  # shellcheck disable=SC2064
  trap "stop $pid" EXIT
  wait_for hostile curl -sf "http://$address/"
  dom "$address/frame.html"
  same "the page with hostile texts" "Mirror Registry | 0 images, 1 script, fits, the same" "$(sed -n 's|.*<title>▲ [0-9]* · \(.*\)</title>.*|\1|p' "$page.html")"
  dom "$address/"
  grep -qF '&lt;script&gt;document.title="taken"&lt;/script&gt;' "$page.html" && grep -qF '\u{202e}xxx' "$page.html"
}
