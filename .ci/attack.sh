# Attacks on the packaged program, by clients and by registries. The program in src/attack does them and says what is right; each of
# its rows is a check here. ATTACK_ROWS (numbers with commas between) chooses some of them.
# shellcheck shell=bash

check_attack() {
  local java number title
  java=$(jdk 17 || jdk 25)/bin/java
  while read -r number title; do
    [[ ! ${ATTACK_ROWS:-} || ,$ATTACK_ROWS, == *",$number,"* ]] || continue
    check "attack $number: $title" attack "$number"
    sed -n 's/^    /     /p' "$work/check.out"   # figures, and how long it took
  done < <(python3 src/attack/attack.py --list)
}

# attack ROW: on a mirror of its own, or several. The last lines of the output are the failed checks.
attack() {
  timeout --kill-after=30 300 python3 src/attack/attack.py --rows "$1" --java "$java"
}
