package io.mirrorregistry.config;

/** A setting that cannot work; its message is the one line that the person who starts the mirror reads. */
public final class InvalidSettingException extends Exception {

    private static final int LONGEST_QUOTE = 200;

    private final String setting;

    /**
     * @param name the setting, as it is written where it was found
     * @param value what it was set to, with secrets masked
     * @param expected what would be right, as a clause: "a port is a number from 1 to 65535"
     */
    public InvalidSettingException(String name, String value, String expected) {
        super(beginning(name) + "=" + beginning(value) + " cannot work: " + expected);
        this.setting = name;
    }

    /** Makes one for what is no single setting, such as a file that cannot be read. */
    public InvalidSettingException(String message) {
        super(message);
        this.setting = null;
    }

    /**
     * Makes one whose message names the setting in its own words.
     *
     * @param setting the setting that cannot work, for {@link #setting}
     */
    public InvalidSettingException(String message, String setting) {
        super(message);
        this.setting = setting;
    }

    /** Returns the setting that cannot work; null where it is no single one. {@code mirror.registry.NAME.*} stands for all settings of a registry. */
    public String setting() {
        return setting;
    }

    /** Returns the text, or its beginning where it is too long for a line. */
    static String beginning(String text) {
        return text.length() <= LONGEST_QUOTE ? text : text.substring(0, LONGEST_QUOTE) + "…";
    }
}
