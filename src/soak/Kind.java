package soak;

/** What a client asks for. */
enum Kind { MANIFEST, BLOB, TAGS, REFERRERS, MISSING, OWN, PUSH }
