package io.mirrorregistry.registry.auth;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.mirrorregistry.config.Account;
import io.mirrorregistry.config.Credentials;
import io.mirrorregistry.protocol.RepositoryName;
import io.mirrorregistry.registry.AccountState;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AccountStatusTest {

    private static final Credentials OURS = new Credentials("robot", "secret");
    private static final TokenScope PUSH = TokenScope.push(new RepositoryName("team/app"), null, false);
    private final AccountStatus status = new AccountStatus("cold", Account.of(OURS));

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void anAccountThatMayOnlyPullIsFine(boolean forRepository) {
        status.tokenGiven(OURS, forRepository);
        status.tokenRefused(OURS, PUSH, 401);
        assertEquals(AccountState.FINE, status.state());
    }

    @Test
    void anAccountThatNeverGotATokenIsRefused() {
        status.tokenRefused(OURS, PUSH, 403);
        assertEquals(AccountState.FINE, status.state());
        status.tokenRefused(OURS, PUSH, 401);
        assertEquals(AccountState.REFUSED, status.state());
    }
}
