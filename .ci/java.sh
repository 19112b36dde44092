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

# verify: the README's test command on Java 17, and then in the background, in a copy of this tree, on Java 25: tests wait for most of their time, and so do
# the clients of the following steps. Without the tables of faults, whose 11,000 requests are answered by the same classes on each Java.
verify() {
  verify_on 17
  second_java=$work/java-25
  mkdir "$second_java"
  tar -c --exclude=./target . | tar -x -C "$second_java"
  start verify-25 bash -c "cd $second_java; $(declare -f jdk verify_on); verify_on 25 -DexcludedGroups=table"
  second_pid=$pid
}

# end_verify: waits for the tests on Java 25, if they were begun. A failure ends the run, as one on Java 17 does.
end_verify() {
  local status=0
  [[ -n ${second_java:-} ]] || return 0
  heading "Tests on Java 25"
  wait "$second_pid" || status=$?
  grep -aE '^(\[(INFO|WARNING|ERROR)\]|SKIPPED|no JDK)' "$work/logs/verify-25.log" || true
  rm -rf "$second_java"
  second_java=
  return "$status"
}

# verify_on VERSION [OPTION...]: from nothing, so that this Java also compiles.
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
  JAVA_HOME=$home ./mvnw -B verify "${@:2}"
}

package() {
  JAVA_HOME=$(jdk 17 || jdk 25) ./mvnw -B -q -DskipTests package
  ls -l target/mirror-registry.jar
}
