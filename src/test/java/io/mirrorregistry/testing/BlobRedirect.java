package io.mirrorregistry.testing;

/**
 * Where a {@link TestRegistry} sends those who ask for a blob.
 *
 * @param location with {@code {url}} or {@code {path}} in the place of the signed address
 */
record BlobRedirect(TestStorage storage, int status, String location) {

    Answer answer(Call call, Body body) {
        String path = storage.sign(call.method(), call.reference(), body);
        return Answer.of(status).with("Location", location.replace("{url}", storage.url() + path).replace("{path}", path));
    }
}
