package io.mirrorregistry.config;

import java.io.IOException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;

/** Checks the settings of a registry that are our account there. */
final class AccountReader {

    private final SettingValues values;
    private final Path directory;

    /** @param directory where relative paths start */
    AccountReader(SettingValues values, Path directory) {
        this.values = values;
        this.directory = directory;
    }

    /**
     * Reads a registry's account.
     *
     * @throws InvalidSettingException for the first setting that cannot work, without its value where that is a secret
     */
    Account read(String registry) throws InvalidSettingException {
        String username = name(registry, "username");
        String password = name(registry, "password");
        String file = name(registry, "password-file");
        for (String setting : List.of(username, password)) {
            if (SettingValues.hasControlCharacter(values.value(setting))) {
                throw new InvalidSettingException(setting, "***", "it has a control character");
            }
        }
        if (!values.value(password).isEmpty() && !values.value(file).isEmpty()) {
            throw values.invalid(file, password + " is set as well; set one of the two");
        }
        if (values.value(username).isEmpty()) {
            return withoutUsername(username, password, file);
        }
        if (values.value(username).indexOf(':') >= 0) {
            throw values.invalid(username, "a user name has no colon");
        }
        if (values.value(file).isEmpty()) {
            return Account.of(new Credentials(values.value(username), values.value(password)));
        }
        return fromFile(registry, values.value(username), file);
    }

    private Account withoutUsername(String username, String password, String file) throws InvalidSettingException {
        if (!values.isBroken(username) && !values.value(file).isEmpty()) {
            throw values.invalid(file, username + " is empty");
        }
        if (!values.isBroken(username) && !values.value(password).isEmpty()) {
            throw new InvalidSettingException(password, "***", username + " is empty");
        }
        return Account.NONE;
    }

    private Account fromFile(String registry, String username, String setting) throws InvalidSettingException {
        try {
            return new PasswordFile(registry, username, directory.resolve(values.value(setting)), System::nanoTime);
        } catch (InvalidPathException e) {
            throw values.invalid(setting, "it is no path");
        } catch (IOException e) {
            throw values.invalid(setting, e.getMessage());
        }
    }

    private static String name(String registry, String setting) {
        return new RegistryKey(registry, setting).toString();
    }
}
