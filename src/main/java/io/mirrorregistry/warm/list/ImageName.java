package io.mirrorregistry.warm.list;

import io.mirrorregistry.files.Printable;
import io.mirrorregistry.protocol.Namespace;
import io.mirrorregistry.protocol.RepositoryName;

/** Checks the names of images in lists. */
final class ImageName {

    private ImageName() {
    }

    /** Returns why a text is no name of a repository as clients write it, perhaps with a host name, as a sentence; null if it is one. */
    static String fault(String name) {
        String shown = Printable.of(name);
        if (name.contains("://")) {
            return shown + " is no name of an image: write it without " + Printable.of(name.substring(0, name.indexOf("://"))) + "://";
        }
        if (name.indexOf('@') >= 0) {
            return shown + " has a digest: a list has tags only; copy a digest by the command warm";
        }
        int slash = name.indexOf('/');
        String host = slash < 0 ? "" : name.substring(0, slash);
        // A host name without a port is within the grammar of names.
        boolean port = host.indexOf(':') >= 0;
        String repository = port ? name.substring(slash + 1) : name;
        int colon = repository.indexOf(':');
        if (colon > 0 && (!port || Namespace.isValid(host))) {
            String tag = repository.substring(colon + 1);
            String untagged = (port ? host + "/" : "") + repository.substring(0, colon);
            return shown + " has a tag: write name: " + Printable.of(untagged) + " and tags: [\"" + Printable.of(tag) + "\"]";
        }
        if ((!port || Namespace.isValid(host)) && RepositoryName.isValid(repository)) {
            return null;
        }
        if (!port && RepositoryName.isValid(Namespace.toLowerCase(name))) {
            return shown + " is no name of an image: names are in lower case";
        }
        return shown + " is no name of an image: a name has at most 255 characters, in parts of lower-case letters and digits joined by single periods, "
                + "underscores, hyphens and slashes, such as library/nginx";
    }
}
