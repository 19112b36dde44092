package io.mirrorregistry.protocol;

/**
 * What a path of the distribution API names.
 *
 * @param kind what is asked for
 * @param repository the repository; null for {@link Kind#API_VERSION} only
 * @param reference a tag or digest for a manifest, a digest for a blob or for referrers, null for the others
 * @see <a href="https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#endpoints">Endpoints</a>
 */
public record ApiPath(Kind kind, RepositoryName repository, Reference reference) {

    /** What can be asked for; {@link #asked()} is its name in routes and logs. */
    public enum Kind {
        API_VERSION("api-version"), MANIFEST("manifest"), BLOB("blob"), TAGS("tags"), REFERRERS("referrers"),
        /** The uploads of a repository; which of them is no part of it, because its name is a secret. */
        UPLOAD("upload");

        private final String asked;

        Kind(String asked) {
            this.asked = asked;
        }

        public String asked() {
            return asked;
        }
    }

    private static final String ROOT = "/v2";
    private static final String TAGS_LIST = "/tags/list";
    private static final String UPLOADS = "/blobs/uploads";

    /** Returns the path of a manifest. */
    public static ApiPath manifest(RepositoryName repository, Reference reference) {
        return new ApiPath(Kind.MANIFEST, repository, reference);
    }

    /**
     * Reads a path as the client sent it. Percent-encoding is not undone, with one exception: some clients write the colon
     * of a digest as {@code %3A}.
     *
     * @param path the raw path, without query
     * @throws ProtocolException 404 where the path is none of the API's, 400 where a name, tag or digest is outside the grammar
     */
    public static ApiPath parse(String path) throws ProtocolException {
        if (path.equals(ROOT) || path.equals(ROOT + "/")) {
            return new ApiPath(Kind.API_VERSION, null, null);
        }
        if (!path.startsWith(ROOT + "/")) {
            throw unknown(path);
        }
        if (path.endsWith(TAGS_LIST)) {
            return new ApiPath(Kind.TAGS, name(path, path.length() - TAGS_LIST.length()), null);
        }
        int beforeReference = path.lastIndexOf('/');
        int beforeKind = path.lastIndexOf('/', beforeReference - 1);
        if (beforeKind < 0) {
            throw unknown(path);
        }
        String reference = path.substring(beforeReference + 1);
        if (path.endsWith(UPLOADS)) {
            return new ApiPath(Kind.UPLOAD, name(path, path.length() - UPLOADS.length()), null);
        }
        switch (path.substring(beforeKind + 1, beforeReference)) {
            case "uploads":
                if (!path.startsWith(UPLOADS, beforeReference - UPLOADS.length())) {
                    throw unknown(path);
                }
                return new ApiPath(Kind.UPLOAD, name(path, beforeReference - UPLOADS.length()), null);
            case "manifests":
                return new ApiPath(Kind.MANIFEST, name(path, beforeKind), Reference.parse(withColon(reference)));
            case "blobs":
                return new ApiPath(Kind.BLOB, name(path, beforeKind), Digest.parse(withColon(reference)));
            case "referrers":
                return new ApiPath(Kind.REFERRERS, name(path, beforeKind), Digest.parse(withColon(reference)));
            default:
                throw unknown(path);
        }
    }

    private static String withColon(String reference) {
        int percent = reference.indexOf('%');
        if (percent < 0 || !reference.regionMatches(true, percent, "%3A", 0, 3)) {
            return reference;
        }
        return reference.substring(0, percent) + ':' + reference.substring(percent + 3);
    }

    private static RepositoryName name(String path, int end) throws ProtocolException {
        int start = ROOT.length() + 1;
        String name = end > start ? path.substring(start, end) : "";
        if (!RepositoryName.isValid(name)) {
            throw new ProtocolException(ErrorCode.NAME_INVALID, "A repository name has at most 255 characters, in parts of "
                    + "lower-case letters and digits that are joined by single periods, underscores, hyphens and slashes.", name);
        }
        return new RepositoryName(name);
    }

    private static ProtocolException unknown(String path) {
        return new ProtocolException(ErrorCode.NOT_FOUND, "The distribution API has no such path.", path);
    }

    /** Returns the path, the inverse of {@link #parse}; of an upload, the path of all of them. */
    @Override
    public String toString() {
        return switch (kind) {
            case API_VERSION -> ROOT + "/";
            case MANIFEST -> ROOT + "/" + repository + "/manifests/" + reference;
            case BLOB -> ROOT + "/" + repository + "/blobs/" + reference;
            case TAGS -> ROOT + "/" + repository + TAGS_LIST;
            case REFERRERS -> ROOT + "/" + repository + "/referrers/" + reference;
            case UPLOAD -> ROOT + "/" + repository + UPLOADS + "/";
        };
    }
}
