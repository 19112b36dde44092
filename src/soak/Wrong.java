package soak;

/** A wrong answer, told in full. */
record Wrong(String reason, String told, int number, long start, long end, String target) {
}
