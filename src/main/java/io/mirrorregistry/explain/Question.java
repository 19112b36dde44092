package io.mirrorregistry.explain;

import io.mirrorregistry.config.Networks;
import io.mirrorregistry.plan.Namespaces;
import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.Namespace;
import io.mirrorregistry.protocol.ProtocolException;
import io.mirrorregistry.protocol.Reference;
import io.mirrorregistry.protocol.RepositoryName;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/**
 * The request of a client that is to be explained.
 *
 * @param path the manifest, as a client asks the mirror for it
 * @param namespace the parameter {@code ns} that the client would send, in lower case; null for none
 * @param client the client's IP address; empty for none
 * @param notes how the text was understood, where that is not obvious; a sentence each
 */
record Question(ApiPath path, String namespace, String client, List<String> notes) {

    private static final String DEFAULT_TAG = "latest";
    private static final Pattern PORT = Pattern.compile(".*:[0-9]{1,5}");

    /** A parameter is outside its grammar; the message is one sentence that names it. */
    static final class InvalidException extends Exception {

        InvalidException(String message) {
            super(message, null, false, false);
        }
    }

    /**
     * Reads a question as people write it.
     *
     * <p>A host name before the image's name, by which Docker finds the registry, is read as a person means it: one that a registry serves is a part
     * of the name, as for a client that writes it after the mirror's address; {@code localhost}, a name with a port, and the name by which the mirror
     * was asked are the mirror's own address and left out; any other is the namespace that containerd sends, since hardly any repository is called
     * so. A path is taken as it is.
     *
     * @param image {@code NAME[:TAG][@DIGEST]}, or the path {@code /v2/NAME/manifests/REFERENCE}; no tag means {@code latest}
     * @param namespace the parameter {@code ns}; null for none
     * @param client an IP address; null for none
     * @param own the host name by which the mirror was asked; null if unknown
     * @throws InvalidException for what no client can ask for
     */
    static Question read(String image, String namespace, String client, String own, Namespaces namespaces) throws InvalidException {
        if (image == null || image.isBlank()) {
            throw new InvalidException("The parameter image is missing: name an image, such as image=library/nginx:1.27.");
        }
        String given = namespace == null || namespace.isBlank() ? null : Namespace.toLowerCase(namespace.strip());
        if (given != null && !Namespace.isValid(given)) {
            throw new InvalidException("namespace=" + shortened(namespace) + " cannot be read: it is no host name such as docker.io.");
        }
        InetAddress address = client == null || client.isBlank() ? null : Networks.address(client.strip());
        if (address == null && client != null && !client.isBlank()) {
            throw new InvalidException("client=" + shortened(client) + " cannot be read: it is no IP address.");
        }
        List<String> notes = new ArrayList<>(1);
        String text = image.strip();
        try {
            if (text.startsWith("/v2/")) {
                return new Question(manifest(text), given, text(address), List.of());
            }
            Name name = Name.read(text, notes).withoutHost(given, own, namespaces, notes);
            if (!RepositoryName.isValid(name.repository)) {
                throw new InvalidException("image=" + shortened(image) + " cannot be read: " + shortened(name.repository) + " is no name of a "
                        + "repository, which has at most 255 characters, in parts of lower-case letters and digits joined by single periods, "
                        + "underscores, hyphens and slashes.");
            }
            ApiPath path = ApiPath.manifest(new RepositoryName(name.repository), Reference.parse(name.reference));
            return new Question(path, name.namespace, text(address), List.copyOf(notes));
        } catch (ProtocolException e) {
            throw new InvalidException("image=" + shortened(image) + " cannot be read: " + e.getMessage());
        }
    }

    private static ApiPath manifest(String path) throws ProtocolException, InvalidException {
        ApiPath parsed = ApiPath.parse(path);
        if (parsed.kind() != ApiPath.Kind.MANIFEST) {
            throw new InvalidException("image=" + shortened(path) + " cannot be read: of all paths, only those of manifests are, "
                    + "/v2/NAME/manifests/REFERENCE.");
        }
        return parsed;
    }

    private static String text(InetAddress address) {
        return address == null ? "" : address.getHostAddress();
    }

    private static String shortened(String text) {
        String line = text.strip().replaceAll("\\s+", " ");
        return line.length() <= 300 ? line : line.substring(0, 300) + "…";
    }

    /** The parts of an image's name. */
    private record Name(String namespace, String repository, String reference) {

        static Name read(String text, List<String> notes) {
            int at = text.indexOf('@');
            String name = at < 0 ? text : text.substring(0, at);
            int colon = name.indexOf(':', name.lastIndexOf('/') + 1);
            String tag = colon < 0 ? null : name.substring(colon + 1);
            if (at >= 0 && tag != null) {
                notes.add("The tag " + tag + " has no effect: a client asks by the digest.");
            }
            String repository = colon < 0 ? name : name.substring(0, colon);
            return new Name(null, repository, at >= 0 ? text.substring(at + 1) : tag == null ? DEFAULT_TAG : tag);
        }

        Name withoutHost(String given, String own, Namespaces namespaces, List<String> notes) {
            int slash = repository.indexOf('/');
            String first = slash < 0 ? "" : Namespace.toLowerCase(repository.substring(0, slash));
            String rest = repository.substring(slash + 1);
            boolean port = PORT.matcher(first).matches();
            if (!Namespace.isValid(first) || !port && first.indexOf('.') < 0 && !first.equals("localhost")) {
                return new Name(given, repository, reference);
            }
            if (first.equals(given)) {
                notes.add(first + " is the namespace and is left out of the name.");
                return new Name(given, rest, reference);
            }
            if (namespaces.isServed(first) && given == null) {
                // A path cannot have a colon in a name, so that clients can only send it as the parameter.
                return port ? new Name(first, rest, reference) : new Name(null, repository, reference);
            }
            if (port || first.equals("localhost") || first.equals(own)) {
                notes.add(first + " is taken for the address of this mirror and is left out of the name.");
                return new Name(given, rest, reference);
            }
            if (given != null) {
                notes.add(first + " is a part of the name, since the namespace is " + given + ".");
                return new Name(given, repository, reference);
            }
            notes.add(first + ", which no registry serves, is taken for the namespace that a client sends as ns. A client that writes it after this mirror's "
                    + "address asks for another name: /v2/" + repository + "/manifests/" + reference + ".");
            return new Name(first, rest, reference);
        }
    }
}
