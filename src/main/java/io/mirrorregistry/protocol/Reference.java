package io.mirrorregistry.protocol;

/**
 * What a manifest is asked for by: a {@link Tag} or a {@link Digest}.
 *
 * @see <a href="https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#definitions">Definitions</a>
 */
public sealed interface Reference permits Tag, Digest {

    /** Returns the reference as it stands in a path. */
    String value();

    /**
     * Reads a reference: a digest where it has a colon, which no tag may have, a tag otherwise.
     *
     * @throws ProtocolException DIGEST_INVALID or MANIFEST_INVALID when it is outside the grammar
     */
    static Reference parse(String value) throws ProtocolException {
        if (value.indexOf(':') >= 0) {
            return Digest.parse(value);
        }
        if (!Tag.isValid(value)) {
            throw new ProtocolException(ErrorCode.MANIFEST_INVALID,
                    "A tag has 1 to 128 letters, digits, underscores, periods and hyphens and starts with none of the last two.",
                    value);
        }
        return new Tag(value);
    }
}
