package io.mirrorregistry.reload;

import io.mirrorregistry.registry.Step;
import io.mirrorregistry.work.OnWorker;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.camel.AsyncCallback;
import org.apache.camel.BeanScope;
import org.apache.camel.CamelContext;
import org.apache.camel.Exchange;
import org.apache.camel.Processor;
import org.apache.camel.component.bean.DefaultBeanProcessorFactory;
import org.apache.camel.spi.BeanProcessorFactory;
import org.apache.camel.support.AsyncProcessorSupport;
import org.apache.camel.support.service.ServiceHelper;

/**
 * Calls the mirror's own steps, which take the exchange and nothing else, without a detour: for any bean Camel writes the name of the method into
 * the message's headers, reads it back, evaluates the arguments, and treats each stage as one that ends later. A pull has up to 14 such steps. All
 * other beans and methods are left to Camel.
 */
final class StepProcessorFactory implements BeanProcessorFactory {

    private final BeanProcessorFactory camels;

    private StepProcessorFactory(BeanProcessorFactory camels) {
        this.camels = camels;
    }

    /** Makes a context use this factory. Call it before the context builds routes. */
    static void install(CamelContext camel) {
        camel.getCamelContextExtension().lazyAddContextPlugin(BeanProcessorFactory.class, () -> {
            DefaultBeanProcessorFactory camels = new DefaultBeanProcessorFactory();
            camels.setCamelContext(camel);
            ServiceHelper.startService(camels);
            return new StepProcessorFactory(camels);
        });
    }

    @Override
    public Processor createBeanProcessor(CamelContext camel, Object bean, Method method) throws Exception {
        return camels.createBeanProcessor(camel, bean, method);
    }

    @Override
    public Processor createBeanProcessor(CamelContext camel, Object bean, String beanType, Class<?> beanClass, String ref, String method,
            BeanScope scope) throws Exception {
        if (ref != null && method != null && scope == BeanScope.Singleton) {
            Object found = camel.getRegistry().lookupByName(ref);
            Method step = found == null ? null : step(found.getClass(), method);
            if (step != null) {
                return new StepProcessor(found, step);
            }
        }
        return camels.createBeanProcessor(camel, bean, beanType, beanClass, ref, method, scope);
    }

    /** Returns the step of that name if it takes the exchange only and returns nothing, or a stage; null for anything else. */
    private static Method step(Class<?> type, String name) {
        List<Method> named = Arrays.stream(type.getMethods()).filter(method -> method.getName().equals(name)).toList();
        if (named.size() != 1 || !named.get(0).isAnnotationPresent(Step.class)) {
            return null;
        }
        Method step = named.get(0);
        boolean direct = Arrays.equals(step.getParameterTypes(), new Class<?>[] {Exchange.class})
                && (step.getReturnType() == void.class || CompletionStage.class.isAssignableFrom(step.getReturnType()));
        return direct ? step : null;
    }

    /** Calls one step. Thread-safe. */
    private static final class StepProcessor extends AsyncProcessorSupport {

        private final Object bean;
        private final Method step;

        private StepProcessor(Object bean, Method step) {
            this.bean = bean;
            this.step = step;
            // Its class is public, so this opens nothing; Java checks the access once rather than at each call.
            step.setAccessible(true);
        }

        @Override
        public boolean process(Exchange exchange, AsyncCallback callback) {
            Object result = null;
            try {
                result = step.invoke(bean, exchange);
            } catch (InvocationTargetException e) {
                exchange.setException(e.getTargetException());
            } catch (IllegalAccessException e) {
                exchange.setException(e);
            }
            if (result instanceof CompletionStage<?> stage && !hasEnded(stage)) {
                stage.whenComplete((nothing, failure) -> {
                    if (failure != null) {
                        exchange.setException(failure);
                    }
                    callback.done(false);
                });
                return false;
            }
            callback.done(true);
            return true;
        }

        /** Returns whether the route goes on at once, on this thread. */
        private static boolean hasEnded(CompletionStage<?> stage) {
            return stage instanceof CompletableFuture<?> future && !(future instanceof OnWorker) && future.isDone() && !future.isCompletedExceptionally();
        }

        @Override
        public String toString() {
            return "Step[" + step.getDeclaringClass().getSimpleName() + "." + step.getName() + "]";
        }
    }
}
