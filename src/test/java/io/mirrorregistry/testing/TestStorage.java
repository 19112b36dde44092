package io.mirrorregistry.testing;

import io.mirrorregistry.protocol.Digest;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A storage that gives bytes to whoever has a signed address, as Aliyun OSS and S3 do: the signature covers the method
 * (another one gets 403), and a call with an Authorization header as well gets 400.
 */
public final class TestStorage extends TestServer {

    private final Map<String, Body> objects = new ConcurrentHashMap<>();
    private volatile boolean redirectsAgain;

    private TestStorage(boolean tls) {
        super(tls);
    }

    public static TestStorage start() {
        return new TestStorage(false);
    }

    public static TestStorage startTls() {
        return new TestStorage(true);
    }

    /** Answers the first call on each address with a redirect to another one. */
    public TestStorage redirectAgain() {
        redirectsAgain = true;
        return this;
    }

    /** Returns the path and query under which this method gets the object. */
    String sign(String method, String digest, Body body) {
        objects.put(digest, body);
        return address("/storage/", method, digest);
    }

    private static String address(String folder, String method, String digest) {
        String signature = Digest.ofSha256((method + folder + digest).getBytes()).hex().substring(0, 16);
        return folder + digest + "?Expires=1999999999&Signature=" + signature + "%3D";
    }

    /** Returns whether the path is one of a storage. */
    static boolean owns(String path) {
        return path.startsWith("/storage/") || path.startsWith("/moved/");
    }

    @Override
    Answer answer(Call call) {
        String digest = call.path().substring(call.path().lastIndexOf('/') + 1);
        String folder = call.path().substring(0, call.path().length() - digest.length());
        Body body = objects.get(digest);
        if (call.header("Authorization") != null) {
            return refuse(400, "InvalidArgument");
        }
        if (body == null || !owns(call.path())) {
            return refuse(404, "NoSuchKey");
        }
        if (!call.target().equals(address(folder, call.method(), digest))) {
            return refuse(403, "SignatureDoesNotMatch");
        }
        if (redirectsAgain && folder.equals("/storage/")) {
            return Answer.of(302).with("Location", address("/moved/", call.method(), digest));
        }
        return Answer.ofRange(call, "application/octet-stream", body);
    }

    private static Answer refuse(int status, String code) {
        return Answer.of(status, "application/xml", "<?xml version=\"1.0\"?><Error><Code>" + code + "</Code></Error>");
    }
}
