package io.mirrorregistry.rehearsal;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.apache.camel.Processor;
import org.apache.camel.Suspendable;
import org.apache.camel.component.platform.http.PlatformHttpEndpoint;
import org.apache.camel.component.platform.http.spi.PlatformHttpConsumer;
import org.apache.camel.component.platform.http.spi.PlatformHttpEngine;
import org.apache.camel.support.DefaultConsumer;

/** What {@code platform-http:} stands for in a rehearsal: no server, but a list of the routes that requests enter by. */
final class Entrances implements PlatformHttpEngine {

    private final List<Entrance> all = new CopyOnWriteArrayList<>();

    /** The beginning of a route. */
    static final class Entrance extends DefaultConsumer implements PlatformHttpConsumer, Suspendable {

        private final Entrances list;

        private Entrance(Entrances list, PlatformHttpEndpoint endpoint, Processor processor) {
            super(endpoint, processor);
            this.list = list;
        }

        @Override
        public PlatformHttpEndpoint getEndpoint() {
            return (PlatformHttpEndpoint) super.getEndpoint();
        }

        @Override
        protected void doStart() throws Exception {
            super.doStart();
            list.all.add(this);
        }

        private boolean takes(String method, String path) {
            String own = getEndpoint().getPath();
            String methods = getEndpoint().getHttpMethodRestrict();
            boolean there = getEndpoint().isMatchOnUriPrefix() ? path.startsWith(own) : path.equals(own);
            return there && (methods == null || List.of(methods.split("\\s*,\\s*")).contains(method));
        }
    }

    @Override
    public PlatformHttpConsumer createConsumer(PlatformHttpEndpoint endpoint, Processor processor) {
        return new Entrance(this, endpoint, processor);
    }

    @Override
    public int getServerPort() {
        return 0;
    }

    /** Returns the route that takes such a request; null for none. */
    Entrance find(String method, String path) {
        return all.stream().filter(entrance -> entrance.takes(method, path)).findFirst().orElse(null);
    }
}
