package io.mirrorregistry.warm;

import io.mirrorregistry.registry.NotHereException;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.warm.CopyFailedException.Reason;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;

/** The sources of one image, which are asked one after the other. The source that responded last is asked first. Used by one thread. */
final class Sources {

    private final List<Source> sources;
    private final List<Source> inOrder;

    /** A request to a source. */
    interface Question<T> {

        T ask(Source source) throws NotHereException, RegistryTroubleException;
    }

    /**
     * @param sources in the order of asking; at least one
     * @param inOrder the sources that the plan names before the first one that is left out
     */
    Sources(List<Source> sources, List<Source> inOrder) {
        this.sources = new ArrayList<>(sources);
        this.inOrder = List.copyOf(inOrder);
    }

    int count() {
        return sources.size();
    }

    /** Returns the source that is asked first. */
    Source first() {
        return sources.get(0);
    }

    /**
     * Asks one source after the other until one of them has the content.
     *
     * @param what names the content in the message
     * @throws RegistryTroubleException the first trouble, if no source has it
     * @throws CopyFailedException if no source has it
     */
    <T> T ask(String what, Question<T> question) throws RegistryTroubleException, CopyFailedException {
        RegistryTroubleException trouble = null;
        for (Source source : List.copyOf(sources)) {
            try {
                T answer = question.ask(source);
                prefer(source);
                return answer;
            } catch (NotHereException e) {
                // The next source may have it.
            } catch (RegistryTroubleException e) {
                trouble = trouble == null ? e : trouble;
            }
        }
        if (trouble != null) {
            throw trouble;
        }
        throw unknown(what);
    }

    /**
     * Asks as {@link #ask} does, in the order of the plan, and only until the first trouble: registries may have different images under one tag, and clients
     * get the image of the first registry.
     */
    <T> T askInOrder(String what, Question<T> question) throws RegistryTroubleException, CopyFailedException {
        for (Source source : inOrder) {
            try {
                T answer = question.ask(source);
                prefer(source);
                return answer;
            } catch (NotHereException e) {
                // The next source may have it.
            }
        }
        throw unknown(what);
    }

    private CopyFailedException unknown(String what) {
        return new CopyFailedException(Reason.NOT_FOUND, "No source has " + what + ": " + String.join(", ", names()) + ".");
    }

    /** Moves the sources to the end that have sent bytes of another digest. */
    void distrust(Collection<Source> senders) {
        sources.removeAll(senders);
        sources.addAll(senders);
    }

    private void prefer(Source source) {
        sources.remove(source);
        sources.add(0, source);
    }

    private List<String> names() {
        return sources.stream().map(source -> source.registry().name()).toList();
    }
}
