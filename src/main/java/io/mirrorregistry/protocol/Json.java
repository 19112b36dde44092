package io.mirrorregistry.protocol;

import com.fasterxml.jackson.core.JsonFactory;

/** Reads JSON token by token, without an object for each part of it. */
public final class Json {

    /** Keeps no member names: the registries that send them could fill the memory for names, which is never emptied. Thread-safe. */
    public static final JsonFactory TOKENS = JsonFactory.builder().disable(JsonFactory.Feature.INTERN_FIELD_NAMES).build();

    private Json() {
    }
}
