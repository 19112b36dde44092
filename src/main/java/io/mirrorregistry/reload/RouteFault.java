package io.mirrorregistry.reload;

/**
 * What is wrong with a file of routes.
 *
 * @param file the file's name; empty where it is the folder
 * @param line where, from 1
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

    /** Returns it as compilers write such lines, so that editors can jump to it: {@code routes/FILE:LINE:COLUMN: CAUSE}. */
    @Override
    public String toString() {
        return "routes/" + (file.isEmpty() ? "" : file + ":" + line + ":" + column) + ": " + cause;
    }
}
