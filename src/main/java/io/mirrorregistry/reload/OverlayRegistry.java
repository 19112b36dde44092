package io.mirrorregistry.reload;

import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.apache.camel.spi.Registry;
import org.apache.camel.support.DefaultRegistry;

/** Beans on top of others: a bean that is bound here hides the one below of the same name, and never changes it. */
final class OverlayRegistry extends DefaultRegistry {

    private final Registry below;
    private final Set<String> hidden;

    /** @param hidden names of beans below that are not to be seen here */
    OverlayRegistry(Registry below, Set<String> hidden) {
        this.below = below;
        this.hidden = hidden;
    }

    @Override
    public Object lookupByName(String name) {
        Object found = super.lookupByName(name);
        return found != null || hidden.contains(name) ? found : below.lookupByName(name);
    }

    @Override
    public <T> T lookupByNameAndType(String name, Class<T> type) {
        T found = super.lookupByNameAndType(name, type);
        return found != null || hidden.contains(name) ? found : below.lookupByNameAndType(name, type);
    }

    @Override
    public <T> Map<String, T> findByTypeWithName(Class<T> type) {
        Map<String, T> all = new LinkedHashMap<>(below.findByTypeWithName(type));
        all.keySet().removeAll(hidden);
        all.putAll(super.findByTypeWithName(type));
        return all;
    }

    @Override
    public <T> Set<T> findByType(Class<T> type) {
        return new HashSet<>(findByTypeWithName(type).values());
    }

    @Override
    public <T> T findSingleByType(Class<T> type) {
        Set<T> all = findByType(type);
        return all.size() == 1 ? all.iterator().next() : null;
    }
}
