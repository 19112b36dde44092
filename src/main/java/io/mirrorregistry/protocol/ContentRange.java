package io.mirrorregistry.protocol;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Which bytes of a blob a chunk has, both ends included: the header {@code Content-Range} of an upload, which has no unit.
 *
 * @param first the index of the first byte
 * @param last the index of the last byte, not before the first
 * @see <a href="https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#pushing-a-blob-in-chunks">Pushing a blob in chunks</a>
 */
public record ContentRange(long first, long last) {

    private static final Pattern FORM = Pattern.compile("(?:bytes[ =])?([0-9]{1,18})-([0-9]{1,18})(?:/(?:[0-9]+|\\*))?");

    /**
     * Reads the header. Some clients write it with a unit or the whole length, as in a response.
     *
     * @throws ProtocolException BLOB_UPLOAD_INVALID for anything else
     */
    public static ContentRange parse(String value) throws ProtocolException {
        Matcher form = FORM.matcher(value.strip());
        if (form.matches()) {
            ContentRange range = new ContentRange(Long.parseLong(form.group(1)), Long.parseLong(form.group(2)));
            if (range.first <= range.last) {
                return range;
            }
        }
        throw new ProtocolException(ErrorCode.BLOB_UPLOAD_INVALID, "The Content-Range of a chunk is the first and the last byte, such as 0-1023.", value);
    }

    /** Returns how many bytes these are. */
    public long length() {
        return last - first + 1;
    }

    @Override
    public String toString() {
        return first + "-" + last;
    }
}
