package io.mirrorregistry.reload;

/**
 * What is wrong with a file of routes, or with a part that routes need.
 *
 * @param file the file's name; empty where it is the folder. Of a part: the file with its folder, such as {@code plugins/x.jar}; empty for a setting
 * @param line where, from 1; 0 for a part
 * @param column where in that line, from 1
 * @param cause what is wrong, as one line
 */
public record RouteFault(String file, int line, int column, String cause) {

    private static final int LONGEST = 400;

    public RouteFault {
        file = file.replaceAll("\\p{Cntrl}", "?");
        String oneLine = cause.replaceAll("[\\s\\p{Cntrl}]+", " ").strip();
        cause = oneLine.length() <= LONGEST ? oneLine : oneLine.substring(0, LONGEST) + "…";
    }

    /** Makes one for the folder as a whole. */
    static RouteFault ofFolder(String cause) {
        return new RouteFault("", 1, 1, cause);
    }

    /**
     * Makes one for a part that routes need.
     *
     * @param file the part's file with its folder, such as {@code plugins/x.jar}; empty where the cause is a sentence of its own
     */
    public static RouteFault ofPart(String file, String cause) {
        return new RouteFault(file, 0, 0, cause);
    }

    /** Returns whether a part is unknown for this fault: its file cannot be used. */
    boolean isOfPartFile() {
        return line == 0 && !file.isEmpty();
    }

    /** Returns the same as {@link #toString()}, without the folder of the file. */
    public String withoutFolder() {
        return line > 0 && file.isEmpty() ? cause : toString().substring(toString().startsWith("routes/") ? "routes/".length() : file.lastIndexOf('/') + 1);
    }

    /** Returns it as compilers write such lines, so that editors can jump to it: {@code routes/FILE:LINE:COLUMN: CAUSE}. */
    @Override
    public String toString() {
        if (line == 0) {
            return (file.isEmpty() ? "" : file + ": ") + cause;
        }
        return "routes/" + (file.isEmpty() ? "" : file + ":" + line + ":" + column) + ": " + cause;
    }
}
