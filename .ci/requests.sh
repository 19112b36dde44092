# Single requests to the mirror, where a client does not show which way its bytes came.
# shellcheck shell=bash

layer_of() {
  jq -r '.layers[0].digest' "$(blob_of "$layouts/$1" "$(digest_of "$layouts/$1")")"
}

ask() {
  curl -sS --max-time 30 "$@"
}

redirects_to_hot() {
  same "status and location" "307 http://$hot/v2/$1/blobs/$2" \
    "$(ask -o "$work/body" -w '%{http_code} %{redirect_url}' "http://$mirror/v2/$1/blobs/$2")"
}

streams() {
  same "status" "200 " "$(ask -o "$work/body" -w '%{http_code} %{redirect_url}' "http://$mirror/v2/$1/blobs/$2")"
  same "digest" "$2" "sha256:$(sha256sum "$work/body" | cut -d' ' -f1)"
}

streams_range() {
  same "status" 200 "$(ask -o "$work/whole" -w '%{http_code}' "http://$mirror/v2/$1/blobs/$2")"
  same "status" 206 "$(ask -r 1000-1999 -o "$work/body" -w '%{http_code}' "http://$mirror/v2/$1/blobs/$2")"
  same "length" 1000 "$(stat -c %s "$work/body")"
  cmp -n 1000 "$work/whole" "$work/body" 1000 0
}

lists_tags() {
  same "tags" "$2" "$(ask "http://$mirror/v2/$1/tags/list" | jq -r '.tags | join(" ")')"
}

missing() {
  same "status" 404 "$(ask -o "$work/body" -w '%{http_code}' "http://$mirror/v2/$1/manifests/latest")"
  jq -e '.errors[0].code' "$work/body"
}

# Clients try https first and only then http: a server that waits for more of the greeting costs each of them 10 s.
turns_tls_away() {
  local status=0
  ask --max-time 3 --insecure "https://$mirror/v2/" || status=$?
  ((status != 0 && status != 28))   # 28: timed out
}
