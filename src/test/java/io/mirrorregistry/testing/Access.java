package io.mirrorregistry.testing;

import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;

/** Who may read from a {@link TestRegistry}, and what the others are told. */
interface Access {

    /** Returns whether the call may have what lies in the scope; a null scope means just being let in. */
    boolean allows(Call call, String scope);

    /** Returns the challenges of a 401, one a header line. */
    List<String> challenges(String scope);

    /** Lets everybody in. */
    static Access open() {
        return new Literal(List.of(), (call, scope) -> true);
    }

    /** Lets one account in. */
    static Access basic(String user, String password) {
        return new Literal(List.of("Basic realm=\"test registry\""),
                (call, scope) -> credentials(user, password).equals(call.header("Authorization")));
    }

    /** Lets those in who show a token of the service that covers the scope. */
    static Access bearer(TokenService tokens) {
        return new Bearer(tokens);
    }

    /** Returns the same doors with other words on them; {@code {realm}}, {@code {service}}, {@code {scope}} are filled in. */
    default Access challenging(List<String> lines) {
        return new Literal(lines, this::allows);
    }

    /** Returns the value of an Authorization header. */
    static String credentials(String user, String password) {
        return "Basic " + Base64.getEncoder().encodeToString((user + ":" + password).getBytes(StandardCharsets.UTF_8));
    }

    /** What lets a call in. */
    interface Door {
        boolean allows(Call call, String scope);
    }

    record Literal(List<String> lines, Door door) implements Access {

        @Override
        public boolean allows(Call call, String scope) {
            return door.allows(call, scope);
        }

        @Override
        public List<String> challenges(String scope) {
            return lines.stream().map(line -> line.replace("{scope}", scope == null ? "" : scope)).toList();
        }
    }

    record Bearer(TokenService tokens) implements Access {

        @Override
        public boolean allows(Call call, String scope) {
            String authorization = call.header("Authorization");
            return authorization != null && authorization.startsWith("Bearer ")
                    && tokens.accepts(authorization.substring("Bearer ".length()), scope);
        }

        @Override
        public List<String> challenges(String scope) {
            String challenge = "Bearer realm=\"{realm}\",service=\"{service}\"" + (scope == null ? "" : ",scope=\"{scope}\"");
            return challenging(List.of(challenge)).challenges(scope);
        }

        @Override
        public Access challenging(List<String> lines) {
            return new Literal(lines.stream().map(line ->
                    line.replace("{realm}", tokens.realm()).replace("{service}", TokenService.SERVICE)).toList(), this::allows);
        }
    }
}
