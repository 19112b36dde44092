package io.mirrorregistry.testing;

import io.mirrorregistry.protocol.MediaTypes;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;

/**
 * How a {@link TestRegistry} lists tags and referrers, page by page.
 *
 * @param most entries on a page, whatever is asked for
 * @param linkBase what stands before the path in {@code Link}
 * @param filters whether {@code artifactType} is heeded
 * @param order the order of tags
 * @param links whether a list of tags that is cut has a {@code Link}
 * @param heedsN whether {@code n} is heeded
 * @param heedsLast whether {@code last} is heeded; Links have a parameter {@code token} where it is not
 */
record Listing(int most, String linkBase, boolean filters, Comparator<String> order, boolean links, boolean heedsN, boolean heedsLast) {

    /** @see <a href="https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#listing-tags">Tags</a> */
    Answer tags(Call call, Repository repository) {
        int size = Math.min(most, heedsN ? number(call, "n", Integer.MAX_VALUE) : Integer.MAX_VALUE);
        String last = heedsLast ? "last" : "token";
        // One more shows whether there is another page.
        List<String> left = repository.tagsAfter(call.parameter(last), order, size == Integer.MAX_VALUE ? size : size + 1);
        List<String> page = left.subList(0, Math.min(size, left.size()));
        String json = page.stream().map(tag -> "\"" + tag + "\"").collect(Collectors.joining(",", "[", "]"));
        Answer answer = Answer.of(200, MediaTypes.JSON, "{\"name\":\"" + call.name() + "\",\"tags\":" + json + "}");
        boolean more = links && !page.isEmpty() && page.size() < left.size();
        return more ? linked(answer, call, "n=" + size + "&" + last + "=" + page.get(page.size() - 1)) : answer;
    }

    /** @see <a href="https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#listing-referrers">Referrers</a> */
    Answer referrers(Call call, Repository repository) {
        String artifactType = call.parameter("artifactType");
        boolean filtered = filters && artifactType != null;
        List<Image> all = repository.referrers(call.reference()).stream()
                .filter(referrer -> !filtered || artifactType.equals(referrer.artifactType())).toList();
        int from = Math.min(number(call, "from", 0), all.size());
        int to = (int) Math.min((long) from + most, all.size());
        Answer answer = Answer.of(200, MediaTypes.OCI_INDEX, Body.of(Image.indexOf(all.subList(from, to))));
        if (filtered) {
            answer = answer.with("OCI-Filters-Applied", "artifactType");
        }
        String filter = artifactType == null ? "" : "&artifactType=" + artifactType;
        return to < all.size() ? linked(answer, call, "from=" + to + filter) : answer;
    }

    private Answer linked(Answer answer, Call call, String query) {
        return answer.with("Link", "<" + linkBase + call.path() + "?" + query + ">; rel=\"next\"");
    }

    private static int number(Call call, String parameter, int otherwise) {
        String value = call.parameter(parameter);
        return value == null ? otherwise : Integer.parseInt(value);
    }
}
