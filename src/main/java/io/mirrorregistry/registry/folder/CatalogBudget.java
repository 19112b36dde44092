package io.mirrorregistry.registry.folder;

/**
 * Bounds the memory that one {@link Catalog} takes. The costs are estimates on the safe side, in bytes. While a catalog is replaced there
 * are two of them, which share their manifests. Not for several threads.
 */
final class CatalogBudget {

    /** A name of {@code index.json}, with its descriptor and its place in a repository. */
    static final int NAME = 512;
    /** What a manifest takes beside its bytes, and each of its descriptors and annotations. */
    static final int MANIFEST = 256;
    static final int PART = 256;
    /** A blob that an image has, with its path; and another place in a repository. */
    static final int BLOB = 384;
    static final int REFERENCE = 64;

    private static final long LEAST = 2 * 1024 * 1024;
    private static final int SHARE_OF_HEAP = 8;

    private final long bytes;
    private long taken;

    /** What is left out because the budget is spent. */
    static final class SpentException extends DamagedImageException {

        private static final long serialVersionUID = 1;

        SpentException(long bytes) {
            super("the " + megabytes(bytes) + " that the folder of images may take in memory are used up by the images before it; raise -Xmx");
        }
    }

    CatalogBudget(long bytes) {
        this.bytes = bytes;
    }

    /** Returns how many bytes a catalog may take: an eighth of the memory that Java may use. */
    static long ofHeap() {
        return Math.max(LEAST, Runtime.getRuntime().maxMemory() / SHARE_OF_HEAP);
    }

    static String megabytes(long bytes) {
        return Math.max(1, bytes / (1024 * 1024)) + " MB";
    }

    /**
     * Takes some of it.
     *
     * @throws SpentException if there is not so much left; nothing is taken then
     */
    void take(long more) throws SpentException {
        if (taken + more > bytes) {
            throw new SpentException(bytes);
        }
        taken += more;
    }

    void giveBack(long less) {
        taken -= less;
    }
}
