# Finding a JDK of a given version, and what is built and tested with it.
# shellcheck shell=bash

# jdk VERSION: prints the home of a JDK of that major version, wherever it is installed.
jdk() {
  local home
  for home in "${JAVA_HOME:-}" "$(dirname "$(dirname "$(readlink -f "$(command -v javac)")")")" /usr/lib/jvm/* /opt/*; do
    if [[ -x $home/bin/javac ]] && grep -qs "^JAVA_VERSION=\"$1[\".]" "$home/release"; then
      (cd -P "$home" && pwd)
      return
    fi
  done
  return 1
}

# verify_on VERSION: the README's test command, from nothing, so that this Java also compiles.
verify_on() {
  local home
  if ! home=$(jdk "$1"); then
    if [[ ${CI:-} == true ]]; then
      echo "no JDK $1 found" >&2
      return 1
    fi
    echo "SKIPPED: no JDK $1 on this machine"
    return 0
  fi
  rm -rf target
  JAVA_HOME=$home ./mvnw -B verify
}

package() {
  JAVA_HOME=$(jdk 17 || jdk 25) ./mvnw -B -q -DskipTests package
  ls -l target/mirror-registry.jar
}
