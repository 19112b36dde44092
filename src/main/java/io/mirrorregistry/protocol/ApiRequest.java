package io.mirrorregistry.protocol;

/**
 * A request as the mirror understands it: all that is kept of what the client sent.
 *
 * @param head whether the method is HEAD; GET otherwise
 * @param path what is asked for
 * @param accept the client's Accept lines joined with commas; null where it sent none
 * @param range the client's Range; null where it sent none
 * @param page which part of a list is wanted
 * @param artifactType the referrers' type that is wanted; null for all
 */
public record ApiRequest(boolean head, ApiPath path, String accept, String range, Page page, String artifactType) {

    /**
     * The part of a list that is wanted.
     *
     * @param limit at most how many entries; -1 for no limit
     * @param last the entry after which it starts; null for the beginning
     */
    public record Page(int limit, String last) {

        public static final Page ALL = new Page(-1, null);

        /**
         * Reads the query parameters {@code n} and {@code last}.
         *
         * @throws ProtocolException PAGINATION_NUMBER_INVALID when n is no whole number from 0 on
         */
        public static Page parse(String n, String last) throws ProtocolException {
            if (n == null || n.isEmpty()) {
                return last == null || last.isEmpty() ? ALL : new Page(-1, last);
            }
            try {
                int limit = Integer.parseInt(n);
                if (limit >= 0) {
                    return new Page(limit, last);
                }
            } catch (NumberFormatException e) {
                // refused below, like a negative number
            }
            throw new ProtocolException(ErrorCode.PAGINATION_NUMBER_INVALID, "n is a whole number from 0 on.", n);
        }
    }
}
