# Makes images as OCI layouts (https://github.com/opencontainers/image-spec/blob/main/image-layout.md), so that every
# digest is known before a registry or a client has seen it. One layout holds one image, named `image`.
# shellcheck shell=bash

image_type=application/vnd.oci.image.manifest.v1+json
index_type=application/vnd.oci.image.index.v1+json

# blob LAYOUT FILE: moves FILE to where its digest says; prints its digest and size as JSON members.
blob() {
  local hex
  hex=$(sha256sum "$2" | cut -d' ' -f1)
  mkdir -p "$1/blobs/sha256"
  mv "$2" "$1/blobs/sha256/$hex"
  printf '"digest":"sha256:%s","size":%d' "$hex" "$(stat -c %s "$1/blobs/sha256/$hex")"
}

# image LAYOUT ARCHITECTURE BYTES...: an image with a layer of random bytes for each BYTES; prints its descriptor.
image() {
  local layout=$1 arch=$2 parts=$work/parts bytes type n=0 layers=() diffs=() history=() config manifest
  shift 2
  mkdir -p "$parts"
  for bytes in "$@"; do
    n=$((n + 1))
    head -c "$bytes" /dev/urandom >"$parts/file-$n"
    tar -C "$parts" --owner=0 --group=0 --numeric-owner -cf "$work/layer" "file-$n"
    rm "$parts/file-$n"
    diffs+=("\"sha256:$(sha256sum "$work/layer" | cut -d' ' -f1)\"")
    history+=('{"created_by":"ci"}')
    type=application/vnd.oci.image.layer.v1.tar
    if ((bytes < 50000000)); then   # random bytes do not get smaller: compressing many would only take time
      gzip -n "$work/layer" && mv "$work/layer.gz" "$work/layer"
      type+=+gzip
    fi
    layers+=("{\"mediaType\":\"$type\",$(blob "$layout" "$work/layer")}")
  done
  printf '{"architecture":"%s","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[%s]},"history":[%s]}' \
    "$arch" "$(joined "${diffs[@]}")" "$(joined "${history[@]}")" >"$work/config"
  config=$(blob "$layout" "$work/config")
  printf '{"schemaVersion":2,"mediaType":"%s","config":{"mediaType":"application/vnd.oci.image.config.v1+json",%s},"layers":[%s]}' \
    "$image_type" "$config" "$(joined "${layers[@]}")" >"$work/manifest"
  manifest=$(blob "$layout" "$work/manifest")
  printf '{"mediaType":"%s",%s,"platform":{"architecture":"%s","os":"linux"}}' "$image_type" "$manifest" "$arch"
}

# index LAYOUT DESCRIPTOR...: an index of those; prints its descriptor.
index() {
  local layout=$1
  shift
  printf '{"schemaVersion":2,"mediaType":"%s","manifests":[%s]}' "$index_type" "$(joined "$@")" >"$work/index"
  printf '{"mediaType":"%s",%s}' "$index_type" "$(blob "$layout" "$work/index")"
}

# artifact LAYOUT SUBJECT: a signature-like artifact that refers to the manifest of descriptor SUBJECT; prints its own.
artifact() {
  local layout=$1 empty=application/vnd.oci.empty.v1+json type=application/vnd.example.signature config layer
  printf '{}' >"$work/config"
  config=$(blob "$layout" "$work/config")
  echo "signed by nobody" >"$work/layer"
  layer=$(blob "$layout" "$work/layer")
  printf '{"schemaVersion":2,"mediaType":"%s","artifactType":"%s","config":{"mediaType":"%s",%s},"layers":[{"mediaType":"%s",%s}],"subject":%s}' \
    "$image_type" "$type" "$empty" "$config" text/plain "$layer" "$(jq -c 'del(.platform)' <<<"$2")" >"$work/manifest"
  printf '{"mediaType":"%s",%s,"artifactType":"%s"}' "$image_type" "$(blob "$layout" "$work/manifest")" "$type"
}

# layout LAYOUT DESCRIPTOR: completes the layout with its one image.
layout() {
  printf '{"imageLayoutVersion":"1.0.0"}' >"$1/oci-layout"
  jq -c '{schemaVersion: 2, manifests: [. + {annotations: {"org.opencontainers.image.ref.name": "image"}}]}' \
    <<<"$2" >"$1/index.json"
}

joined() {
  local IFS=,
  echo "$*"
}

# digest_of LAYOUT [NAME]: the digest of its manifest or index.
digest_of() {
  jq -r --arg name "${2:-image}" \
    '[.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == $name)][0].digest' "$1/index.json"
}

# blob_of LAYOUT DIGEST: the file with those bytes.
blob_of() {
  echo "$1/blobs/${2/://}"
}

# manifest_of LAYOUT DIGEST: the file of the image manifest for this machine, through an index if there is one.
manifest_of() {
  local file child arch
  file=$(blob_of "$1" "$2")
  arch=$(dpkg --print-architecture)
  child=$(jq -r --arg arch "$arch" '[.manifests[]? | select(.platform.architecture == $arch)][0].digest // empty' "$file")
  if [[ $child ]]; then file=$(blob_of "$1" "$child"); fi
  echo "$file"
}
