package io.mirrorregistry.config;

import io.mirrorregistry.files.BoundedFile;
import io.mirrorregistry.files.Denied;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Path;
import java.time.Duration;

/**
 * Who may pull. Whether the file holds what it should shows when it is read.
 *
 * @param file {@code access.yaml}
 * @param publicUrl the URL by which clients reach the mirror, without a slash at its end; null where it is found for each request
 * @param tokenTime how long a token of the mirror is valid
 * @param secret what the mirror's keys are derived from; null where one is to be made at each start
 * @param trustedProxies the proxies that are believed when they say by which scheme they were asked
 */
public record AccessSettings(Path file, URI publicUrl, Duration tokenTime, String secret, Networks trustedProxies) {

    /** What the setting of the file is called. */
    public static final String FILE = "mirror.access.file";
    /** What the secret is called. */
    public static final String SECRET = "mirror.secret";
    /** What the setting of a file with the secret is called. */
    public static final String SECRET_FILE = "mirror.secret-file";

    private static final String PUBLIC_URL = "mirror.access.public-url";
    private static final String TOKEN_TIME = "mirror.access.token-time";
    private static final Duration SHORTEST_TOKEN_TIME = Duration.ofMinutes(1);
    private static final Duration LONGEST_TOKEN_TIME = Duration.ofHours(24);
    private static final int SHORTEST_SECRET = 16;

    /** Returns the settings without the secret. */
    @Override
    public String toString() {
        return "AccessSettings[file=" + file + ", publicUrl=" + publicUrl + ", tokenTime=" + tokenTime + "]";
    }

    /**
     * Reads the settings; null where no file is set.
     *
     * @param directory where relative paths start
     * @throws InvalidSettingException when one cannot work, also where no file is set
     */
    static AccessSettings read(SettingValues values, Path directory, Networks trustedProxies) throws InvalidSettingException {
        URI publicUrl = values.value(PUBLIC_URL).isEmpty() ? null : publicUrl(values);
        Duration tokenTime = values.duration(TOKEN_TIME);
        if (tokenTime.compareTo(SHORTEST_TOKEN_TIME) < 0 || tokenTime.compareTo(LONGEST_TOKEN_TIME) > 0) {
            throw values.invalid(TOKEN_TIME, "it is a time from 1m to 24h");
        }
        String secret = secret(values, directory);
        return values.value(FILE).isEmpty() ? null : new AccessSettings(values.file(FILE, directory), publicUrl, tokenTime, secret, trustedProxies);
    }

    private static URI publicUrl(SettingValues values) throws InvalidSettingException {
        URI url = new RegistryUrls(values, Path.of("")).url(PUBLIC_URL);
        if (!url.getRawPath().isEmpty()) {
            throw values.invalid(PUBLIC_URL, "it is the scheme, the host and the port by which clients reach the mirror, without a path, such as https://mirror.example.com");
        }
        return url;
    }

    private static String secret(SettingValues values, Path directory) throws InvalidSettingException {
        boolean fromFile = !values.value(SECRET_FILE).isEmpty();
        if (fromFile && !values.value(SECRET).isEmpty()) {
            throw values.invalid(SECRET_FILE, SECRET + " is set, too; set one of them");
        }
        String secret = fromFile ? secretIn(values, values.file(SECRET_FILE, directory)) : values.value(SECRET);
        if (secret.isEmpty() && !fromFile) {
            return null;
        }
        if (secret.length() < SHORTEST_SECRET && !values.isBroken(fromFile ? SECRET_FILE : SECRET)) {
            throw fromFile ? values.invalid(SECRET_FILE, "the secret in it has at least " + SHORTEST_SECRET + " characters")
                    : new InvalidSettingException(SECRET, "***", "a secret has at least " + SHORTEST_SECRET + " characters");
        }
        return secret;
    }

    private static String secretIn(SettingValues values, Path file) throws InvalidSettingException {
        try {
            return BoundedFile.readText(file).strip();
        } catch (CharacterCodingException e) {
            throw values.invalid(SECRET_FILE, "it is not UTF-8");
        } catch (IOException e) {
            throw values.invalid(SECRET_FILE, Denied.reason(file, e));
        }
    }
}
