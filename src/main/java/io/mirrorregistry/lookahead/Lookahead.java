package io.mirrorregistry.lookahead;

import io.mirrorregistry.cache.CacheStep;
import io.mirrorregistry.pull.Pull;
import io.mirrorregistry.registry.AnswerTime;
import io.mirrorregistry.registry.Registry;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.server.RequestStep;
import io.mirrorregistry.work.FatalErrors;
import java.io.IOException;
import java.time.Duration;
import java.util.Collection;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.BooleanSupplier;
import org.apache.camel.CamelContext;
import org.apache.camel.Exchange;
import org.apache.camel.ExchangePattern;
import org.apache.camel.ProducerTemplate;
import org.apache.camel.support.DefaultExchange;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Asks one registry for the blobs of one manifest. Several workers run it at a time; each takes the next blob until none is left. It ends early after
 * the first call that fails, after {@link #LONGEST}, and as soon as its calls are not welcome any more. Failures are logged at debug only.
 */
final class Lookahead implements Runnable {

    private static final Logger LOG = LoggerFactory.getLogger(Lookahead.class);
    private static final Duration LONGEST = Duration.ofSeconds(5);

    private final AnswerTime time = AnswerTime.ofLookahead(LONGEST);
    private final String address;
    private final CamelContext camel;
    private final Map<String, Object> variables;
    private final Registry registry;
    private final Queue<Pull> blobs;
    private final CacheStep cache;
    private final BooleanSupplier welcome;

    /**
     * @param address of the route that finds out whether the registry has a blob
     * @param variables those of the request for the manifest, which are copied; the registry that is asked is among them
     * @param blobs the calls, in their order
     * @param cache keeps what is found
     * @param welcome false if no more calls are to be made
     */
    Lookahead(String address, CamelContext camel, Map<String, Object> variables, Registry registry, Collection<Pull> blobs, CacheStep cache, BooleanSupplier welcome) {
        this.address = address;
        this.camel = camel;
        this.variables = Map.copyOf(variables);
        this.registry = registry;
        this.blobs = new ConcurrentLinkedQueue<>(blobs);
        this.cache = cache;
        this.welcome = welcome;
    }

    @Override
    public void run() {
        try (ProducerTemplate producer = camel.createProducerTemplate()) {
            Pull blob = next();
            while (blob != null && (!cache.lookAhead(blob) || ask(blob, producer))) {
                blob = next();
            }
        } catch (IOException | RuntimeException e) {
            LOG.debug("Registry {} is not asked for blobs ahead of clients: the routes are stopping", registry.name(), e);
        }
    }

    /** Returns the next blob to ask for; null for none. */
    private Pull next() {
        return !time.isOver() && registry.isAvailable() && camel.isStarted() && welcome.getAsBoolean() ? blobs.poll() : null;
    }

    /** Returns whether the same worker may ask for another blob. */
    private boolean ask(Pull blob, ProducerTemplate producer) {
        Exchange exchange = new DefaultExchange(camel, ExchangePattern.InOnly);
        Throwable failure;
        try (blob) {
            blob.answerTime(AnswerTime.ofLookahead(LookaheadStep.LONGEST_CALL));
            blob.on(exchange);
            variables.forEach(exchange::setVariable);
            RequestStep.setAsked(exchange, blob);
            failure = producer.send(address, exchange).getException();
        } catch (RuntimeException | Error e) {
            failure = e;
        } finally {
            cache.land(blob);
        }
        if (failure == null) {
            return true;
        }
        FatalErrors.check(failure);
        LOG.debug("Registry {} was asked for a blob ahead of clients and failed: {}", registry.name(), failure.toString());
        // Other workers may have a place at the registry.
        if (!(failure instanceof RegistryTroubleException trouble) || trouble.kind() != RegistryTroubleException.Kind.NOT_ASKED) {
            blobs.clear();
        }
        return false;
    }
}
