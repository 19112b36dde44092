package io.mirrorregistry;

import io.mirrorregistry.config.PushSettings;
import io.mirrorregistry.config.Settings;
import io.mirrorregistry.plugins.PluginFolder;
import io.mirrorregistry.plugins.Strategies;
import io.mirrorregistry.pull.PlanStep;
import io.mirrorregistry.pull.StrategyStep;
import io.mirrorregistry.reload.ChosenRoute;
import io.mirrorregistry.reload.GenerationParts;
import io.mirrorregistry.reload.NeededStep;
import io.mirrorregistry.reload.WantedRoute;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Makes the parts that each generation of routes owns: a route for each registry, and a bean and a route for each strategy, also of plug-ins.
 * Routes are made from templates where no file has them. For one thread at a time.
 */
final class GenerationSource implements GenerationParts.Source {

    private final Settings settings;
    private final PlanStep plan;
    private final PluginFolder folder;
    private PluginFolder.Contents plugins = PluginFolder.Contents.NONE;

    GenerationSource(Settings settings, PlanStep plan) {
        this.settings = settings;
        this.plan = plan;
        this.folder = new PluginFolder(settings.pluginsDirectory());
    }

    @Override
    public Map<String, String> stamps() {
        return folder.stamps();
    }

    @Override
    public Map<String, String> read() {
        plugins = folder.read();
        return plugins.digests();
    }

    @Override
    public GenerationParts make() {
        Strategies strategies = new Strategies(settings.strategySettings(), settings.order());
        strategies.load(settings.strategy(), plugins);
        Map<String, Object> beans = new HashMap<>();
        List<WantedRoute> wanted = new ArrayList<>();
        settings.registries().values().forEach(registry ->
                wanted.add(new WantedRoute(registry.isFolder() ? "registry-oci" : "registry-http", registry.name(), "direct:registry-" + registry.name())));
        strategies.loaded().forEach((name, strategy) -> {
            beans.put("strategy." + name, new StrategyStep(name, strategy, plan));
            wanted.add(new WantedRoute("strategy", name, "direct:strategy-" + name));
        });
        return new GenerationParts(beans, wanted, new ChosenRoute("mirror.strategy", "strategy", "direct:strategy-", settings.strategy()), neededStep(),
                strategies.resources(), strategies.faults());
    }

    /** Returns the step that sends pushes, if anybody may push: routes of an earlier version have none. */
    private NeededStep neededStep() {
        return settings.push() == null ? null : new NeededStep(PushSettings.REGISTRY + "=" + settings.push().registry(), "push", "send",
                "add the file push.camel.yaml, and the choice with direct:push in front-door.camel.yaml, that come with this version, or leave the setting empty");
    }
}
