package io.mirrorregistry.config;

import io.mirrorregistry.files.BoundedFile;
import io.mirrorregistry.files.Denied;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.regex.Pattern;

/**
 * The settings {@code mirror.store.*}: the database.
 *
 * @param url as it stands in the setting, for messages
 * @param file the H2 database without its extension {@code .mv.db}; null for PostgreSQL
 * @param username empty for none
 * @param password empty for none
 */
public record StoreSettings(String url, Path file, String username, String password) {

    /** The name of the setting with the address of the database. */
    public static final String URL = "mirror.store.url";
    /** The name of the setting with the password. */
    static final String PASSWORD = "mirror.store.password";

    private static final String USERNAME = "mirror.store.username";
    private static final String PASSWORD_FILE = "mirror.store.password-file";
    private static final String H2 = "jdbc:h2:file:";
    private static final Pattern POSTGRESQL = Pattern.compile("jdbc:postgresql://[^/?\\s]*/[^/?\\s]+(\\?\\S*)?");
    private static final Pattern SECRET = Pattern.compile("[?&](user|password|sslpassword)=|^jdbc:[a-z0-9]+://[^/?]*@", Pattern.CASE_INSENSITIVE);

    /** Returns the settings without the password. */
    @Override
    public String toString() {
        return "StoreSettings[url=" + url + ", username=" + username + "]";
    }

    /** Returns whether the database is a file that only this mirror uses. */
    public boolean isEmbedded() {
        return file != null;
    }

    /**
     * Reads the settings.
     *
     * @param directory where relative paths start
     * @throws InvalidSettingException if a setting is invalid
     */
    static StoreSettings read(SettingValues values, Path directory) throws InvalidSettingException {
        // A check reads on after a URL that is invalid.
        String url = values.isBroken(URL) ? SettingsSource.carried().get(URL) : values.value(URL);
        if (SECRET.matcher(url).find()) {
            throw new InvalidSettingException(URL, "***", "set the user and the password by " + USERNAME + " and " + PASSWORD);
        }
        Path file = url.startsWith(H2) ? file(values, url.substring(H2.length()), directory) : null;
        if (file == null && !POSTGRESQL.matcher(url).matches()) {
            throw values.invalid(URL, "it is " + H2 + "PATH for a file of this mirror, or jdbc:postgresql://HOST:PORT/DATABASE");
        }
        return new StoreSettings(url, file, values.value(USERNAME), password(values, directory));
    }

    private static Path file(SettingValues values, String path, Path directory) throws InvalidSettingException {
        if (path.indexOf(';') >= 0) {
            throw values.invalid(URL, "the path has no ';': options of H2 cannot be set");
        }
        try {
            Path file = directory.resolve(path).toAbsolutePath().normalize();
            if (!path.isBlank() && !path.endsWith("/") && file.getFileName() != null) {
                return file;
            }
        } catch (InvalidPathException e) {
            // refused below
        }
        throw values.invalid(URL, "after " + H2 + " comes the path of a file, such as ./data/mirror");
    }

    private static String password(SettingValues values, Path directory) throws InvalidSettingException {
        boolean fromFile = !values.value(PASSWORD_FILE).isEmpty();
        if (!fromFile) {
            return values.value(PASSWORD);
        }
        if (!values.value(PASSWORD).isEmpty()) {
            throw values.invalid(PASSWORD_FILE, PASSWORD + " is set, too; set one of them");
        }
        Path file = values.file(PASSWORD_FILE, directory);
        try {
            return BoundedFile.readText(file).strip();
        } catch (CharacterCodingException e) {
            throw values.invalid(PASSWORD_FILE, "it is not UTF-8");
        } catch (IOException e) {
            throw values.invalid(PASSWORD_FILE, Denied.reason(file, e));
        }
    }
}
