package io.mirrorregistry.server;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class LoggedPathTest {

    @ParameterizedTest
    @CsvSource({
        "/v2/app/blobs/uploads/SECRET, /v2/app/blobs/uploads/…",
        "/v2/library/app/blobs/uploads/SECRET/, /v2/library/app/blobs/uploads/…",
        "/v2/library/app/blobs/uploads/SECRET/more, /v2/library/app/blobs/uploads/…",
        "/v2/UPPER/blobs/uploads/SECRET, /v2/UPPER/blobs/uploads/…",
        "/v2/app/blobs//uploads//SECRET, /v2/app/blobs//uploads//…",
        "/v2/app/Blobs/Uploads/SECRET, /v2/app/Blobs/Uploads/…",
        "/v2/app/blobs%2Fuploads%2fSECRET, /v2/app/blobs%2Fuploads%2f…",
        "http://mirror/v2/app/blobs/uploads/SECRET, http://mirror/v2/app/blobs/uploads/…",
        "/blobs/uploads/SECRET, /blobs/uploads/…"})
    void anUploadIsWrittenWithoutItsName(String path, String logged) {
        assertEquals(logged, LoggedPath.of(path));
    }

    @ParameterizedTest
    @ValueSource(strings = {"/v2/", "/v2/app/blobs/uploads", "/v2/app/blobs/uploads/", "/v2/my/uploads/app/manifests/1", "/v2/blobs/app/blobs/sha256:00", ""})
    void allElseIsWrittenAsItIs(String path) {
        assertEquals(path, LoggedPath.of(path));
    }

    @Test
    void noPathIsNone() {
        assertNull(LoggedPath.of(null));
    }
}
