package io.mirrorregistry.plan;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.function.LongSupplier;

/**
 * The strategy {@code fastest}: the registry with the shortest time to the first byte is asked first.
 *
 * <p>An order is kept for {@link #KEPT} for each list of planned registries, so that the manifest and the blobs of an image come from the same
 * registry. Orders are immutable; the map of orders replaces them atomically, and no thread waits for another.
 */
public final class FastestStrategy implements Strategy {

    /** How long an order is kept. */
    static final Duration KEPT = Duration.ofSeconds(10);

    /** The number of keys is the number of namespaces at most, because a list of planned registries depends on the namespace only. */
    private final ConcurrentMap<List<String>, Order> orders = new ConcurrentHashMap<>();
    private final LongSupplier nanos;

    /** @param since when the order was made, in nanoseconds of the clock */
    private record Order(List<String> registries, long since) {
    }

    /** Called by the service loader. */
    public FastestStrategy() {
        this(System::nanoTime);
    }

    /** @param nanos the clock, in nanoseconds from any origin */
    FastestStrategy(LongSupplier nanos) {
        this.nanos = nanos;
    }

    @Override
    public String name() {
        return "fastest";
    }

    @Override
    public List<String> order(PlanRequest request, Registries registries) {
        List<String> planned = registries.planned();
        long now = nanos.getAsLong();
        Order order = orders.get(planned);
        if (order == null || now - order.since >= KEPT.toNanos()) {
            order = replace(planned, order, new Order(sort(planned, registries), now));
        }
        // A registry that became unavailable since the order was made is asked last at once.
        return order.registries.stream().allMatch(registries::isAvailable) ? order.registries : availableFirst(order.registries, registries);
    }

    /** Returns the new order, or the one that another thread made at the same time. */
    private Order replace(List<String> planned, Order old, Order fresh) {
        if (old == null) {
            Order other = orders.putIfAbsent(planned, fresh);
            return other == null ? fresh : other;
        }
        return orders.replace(planned, old, fresh) ? fresh : orders.get(planned);
    }

    /** Sorts the available registries by their times. A registry without a measurement keeps its place; unavailable registries are last. */
    private static List<String> sort(List<String> planned, Registries registries) {
        List<Timed> measured = new ArrayList<>();
        List<String> sorted = availableFirst(planned, registries);
        for (String registry : sorted) {
            double millis = registries.millisToFirstByte(registry);
            if (!Double.isNaN(millis) && registries.isAvailable(registry)) {
                measured.add(new Timed(registry, millis));
            }
        }
        List<String> places = measured.stream().map(Timed::registry).toList();
        measured.sort(Comparator.comparingDouble(Timed::millis));
        List<String> order = new ArrayList<>(sorted);
        for (int i = 0; i < places.size(); i++) {
            order.set(sorted.indexOf(places.get(i)), measured.get(i).registry);
        }
        return List.copyOf(order);
    }

    /** @param millis read once, because it may change while registries are sorted */
    private record Timed(String registry, double millis) {
    }

    private static List<String> availableFirst(List<String> order, Registries registries) {
        List<String> available = new ArrayList<>(order.size());
        List<String> unavailable = new ArrayList<>();
        for (String registry : order) {
            (registries.isAvailable(registry) ? available : unavailable).add(registry);
        }
        available.addAll(unavailable);
        return available;
    }
}
