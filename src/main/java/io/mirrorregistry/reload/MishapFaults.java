package io.mirrorregistry.reload;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.camel.CamelContext;
import org.apache.camel.Exchange;
import org.apache.camel.NamedNode;
import org.apache.camel.model.BeanDefinition;
import org.apache.camel.model.ChoiceDefinition;
import org.apache.camel.model.ExpressionNode;
import org.apache.camel.model.LogDefinition;
import org.apache.camel.model.ToDefinition;
import org.apache.camel.model.ToDynamicDefinition;
import org.apache.camel.model.WhenDefinition;
import org.apache.camel.model.language.ExpressionDefinition;

/** Says where in the files the fault is of a request that went wrong in a rehearsal. */
final class MishapFaults {

    /** A constant in a condition. */
    private static final Pattern CONSTANT = Pattern.compile("'([^'\\s]{1,255})'");
    private static final int LONGEST_SHOWN = 80;

    private final CamelContext camel;
    private final Map<String, RouteText> texts = new LinkedHashMap<>();

    /** @param camel the context in which the routes ran */
    MishapFaults(CamelContext camel, Map<String, RouteFile> files) {
        this.camel = camel;
        // Their bounds have been checked already.
        files.forEach((name, file) -> texts.put(name, new RouteText(file, Integer.MAX_VALUE)));
    }

    /** Returns the constants of all conditions. */
    Collection<String> words() {
        Set<String> words = new LinkedHashSet<>();
        for (RouteText text : texts.values()) {
            text.words().stream().map(RouteText.Word::value).filter(value -> value.contains("${")).forEach(expression -> {
                Matcher constant = CONSTANT.matcher(expression);
                while (constant.find()) {
                    words.addAll(List.of(constant.group(1).split(",")));
                }
            });
        }
        return words;
    }

    /** Returns the fault of a request. */
    RouteFault fault(RouteRehearsal.Mishap mishap) {
        List<String> expressions = expressions(mishap);
        String step = mishap.step() == null ? "the route" : name(mishap.step());
        String shown = expressions.size() == 1 ? " " + shortened(expressions.get(0)) : "";
        String cause = mishap.failure() != null ? step + shown + " fails: " + describe(mishap) + " (rehearsed: " + mishap.request() + ")"
                : mishap.request() + " " + mishap.fault() + "; the last step was " + step + shown;
        RouteText text = mishap.step() == null || mishap.step().getLocation() == null ? null : texts.get(mishap.step().getLocation().replaceFirst("^file:", ""));
        if (text == null) {
            return RouteFault.ofFolder(cause);
        }
        List<String> tokens = new ArrayList<>(expressions);
        if (mishap.step() instanceof BeanDefinition bean && bean.getMethod() != null) {
            tokens.add(bean.getMethod());
        }
        // Camel counts the line from the step's braces, where it is written in braces, one too low.
        tokens.add(mishap.step().getShortName());
        return text.fault(mishap.step().getLineNumber(), tokens, cause);
    }

    /** Returns why a step failed. Java's words for a value that is missing name classes; the table of steps has the words for it. */
    private String describe(RouteRehearsal.Mishap mishap) {
        if (FaultCauses.root(mishap.failure()) instanceof NullPointerException && mishap.step() instanceof BeanDefinition bean && bean.getRef() != null) {
            List<String> needs = StepNames.needs(camel, bean);
            if (!needs.isEmpty()) {
                return "it needs " + String.join(" and ", needs) + ", and not all of that was set before (docs/routes.md, the table of steps)";
            }
        }
        return FaultCauses.describe(mishap.failure());
    }

    private static String shortened(String text) {
        return text.length() <= LONGEST_SHOWN ? text : text.substring(0, LONGEST_SHOWN) + "…";
    }

    /** Returns the words for a step: what it is, and what it calls. */
    private static String name(NamedNode step) {
        if (step instanceof BeanDefinition bean) {
            return "the step " + (bean.getRef() != null ? bean.getRef() : "bean " + bean.getBeanType()) + (bean.getMethod() == null ? "" : "." + bean.getMethod());
        }
        return "the step " + step.getShortName();
    }

    /** Returns the expressions of a step; of a choice that has failed, those that fail. */
    private List<String> expressions(RouteRehearsal.Mishap mishap) {
        List<String> all = new ArrayList<>();
        if (mishap.step() instanceof ChoiceDefinition choice) {
            for (WhenDefinition when : choice.getWhenClauses()) {
                if (mishap.failure() != null && fails(when.getExpression(), mishap.exchange())) {
                    all.add(when.getExpression().getExpression());
                }
            }
        } else if (mishap.step() instanceof ExpressionNode step && step.getExpression() != null) {
            all.add(step.getExpression().getExpression());
        } else if (mishap.step() instanceof LogDefinition log && log.getMessage() != null) {
            all.add(log.getMessage());
        } else if (mishap.step() instanceof ToDefinition to) {
            all.add(to.getUri());
        } else if (mishap.step() instanceof ToDynamicDefinition to) {
            all.add(to.getUri());
        }
        return all;
    }

    private boolean fails(ExpressionDefinition expression, Exchange exchange) {
        try {
            expression.createPredicate(camel).matches(exchange);
            return false;
        } catch (RuntimeException e) {
            return true;
        }
    }
}
