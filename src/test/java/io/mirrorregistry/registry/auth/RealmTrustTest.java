package io.mirrorregistry.registry.auth;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.mirrorregistry.config.Account;
import io.mirrorregistry.config.BlobsMode;
import io.mirrorregistry.config.RegistrySettings;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RealmTrustTest {

    @ParameterizedTest
    @CsvSource({
        "https://registry.example.com, https://registry.example.com/token, true",
        "https://registry.example.com:5443, https://registry.example.com/token, true",
        "https://REGISTRY.example.com, https://registry.Example.com/token, true",
        "https://registry.example.com, https://auth.example.com/token, true",
        "https://registry-1.docker.io, https://auth.docker.io/token, true",
        "https://registry.cn-hangzhou.aliyuncs.com, https://dockerauth.cn-hangzhou.aliyuncs.com/auth, true",
        "https://registry.example.com, https://listed.elsewhere.net/token, true",
        "https://registry.example.com, https://LISTED.elsewhere.net/token, true",
        "https://registry.example.com, https://elsewhere.net/token, false",
        "https://registry.example.com, https://example.com.evil.net/token, false",
        "https://registry.example.com, https://evilexample.com/token, false",
        "https://registry.example.com, http://registry.example.com/token, false",
        "https://registry.example.com, http://listed.elsewhere.net/token, false",
        "http://registry.example.com, http://auth.example.com/token, true",
        "http://registry.example.com, https://auth.example.com/token, true",
        "https://mine.co.uk, https://yours.co.uk/token, false",
        "https://mine.github.io, https://yours.github.io/token, false",
        "http://10.0.0.1:5000, http://10.0.0.2/token, false",
        "http://10.0.0.1:5000, http://10.0.0.1:5001/token, true",
        "http://localhost:5000, http://localhost:5001/token, true",
        "http://[::1]:5000, http://[::2]/token, false",
    })
    void credentialsGoOnlyToTheRegistrysOwn(URI registry, URI realm, boolean allowed) {
        RegistrySettings settings = new RegistrySettings("hot", registry, Account.NONE, Map.of(), BlobsMode.AUTO, registry,
                Duration.ofSeconds(1), Duration.ofSeconds(1), Duration.ZERO, List.of("listed.elsewhere.net"), List.of(), null, List.of(), "", false, null);
        assertEquals(allowed, new RealmTrust(settings).mayHaveCredentials(realm));
    }
}
