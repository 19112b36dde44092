package io.mirrorregistry.plugins;

import java.io.ByteArrayInputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.net.MalformedURLException;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URL;
import java.net.URLClassLoader;
import java.net.URLConnection;
import java.net.URLStreamHandler;
import java.util.Map;

/** Loads the classes and resources of one {@link PluginJar} from memory. Its parent is asked first. */
final class PluginLoader extends URLClassLoader {

    private final Entries entries;

    PluginLoader(PluginJar jar, ClassLoader parent) {
        this(jar.name(), new Entries(jar.entries()), parent);
    }

    private PluginLoader(String name, Entries entries, ClassLoader parent) {
        super(name, new URL[] {entries.root()}, parent);
        this.entries = entries;
    }

    /** Loads nothing any more, and gives the jar's memory free. */
    @Override
    public void close() throws IOException {
        super.close();
        entries.content = Map.of();
    }

    @Override
    public String toString() {
        return "the class loader of " + getName();
    }

    /** The addresses {@code plugin:/ENTRY}, which are of use with this handler only. */
    private static final class Entries extends URLStreamHandler {

        private volatile Map<String, byte[]> content;

        Entries(Map<String, byte[]> content) {
            this.content = content;
        }

        URL root() {
            try {
                return new URL(null, "plugin:/", this);
            } catch (MalformedURLException e) {
                throw new IllegalStateException(e);
            }
        }

        @Override
        protected URLConnection openConnection(URL url) throws IOException {
            byte[] entry;
            try {
                entry = content.get(new URI(url.toString()).getPath().substring(1));
            } catch (URISyntaxException e) {
                throw new IOException(e);
            }
            if (entry == null) {
                throw new FileNotFoundException(url.toString());
            }
            return new URLConnection(url) {
                @Override
                public void connect() {
                    connected = true;
                }

                @Override
                public long getContentLengthLong() {
                    return entry.length;
                }

                @Override
                public InputStream getInputStream() {
                    return new ByteArrayInputStream(entry);
                }
            };
        }
    }
}
