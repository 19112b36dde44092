package soak;

import java.util.Map;

/** Status and headers. */
record Head(int status, Map<String, String> headers) {
}
