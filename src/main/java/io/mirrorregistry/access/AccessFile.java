package io.mirrorregistry.access;

import io.mirrorregistry.config.InvalidSettingException;
import io.mirrorregistry.config.Networks;
import io.mirrorregistry.files.BoundedFile;
import io.mirrorregistry.files.Denied;
import io.mirrorregistry.files.Printable;
import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.snakeyaml.engine.v2.nodes.Node;

/** Reads {@code access.yaml} and the files that it names, once. */
final class AccessFile {

    private static final Set<String> KEYS = Set.of("users", "robots", "groups", "issuers", "unknown-credentials", "rules");
    private static final Set<String> ISSUER_KEYS = Set.of("issuer", "audience", "keys", "user");
    private static final Set<String> RULE_KEYS = Set.of("who", "from", "repositories", "may");
    private static final Set<String> UNKNOWN_CREDENTIALS = Set.of("anonymous", "refuse");
    /** Each request goes through them until one fits. */
    private static final int MOST_RULES = 1000;
    private final Path file;
    private final List<Path> others = new ArrayList<>();
    private final List<String> faults = new ArrayList<>();
    private final List<String> warnings = new ArrayList<>();
    private AccessYaml yaml;
    private Map<String, String> users = Map.of();
    private Map<String, Robot> robots = Map.of();
    private final Map<String, Set<String>> members = new LinkedHashMap<>();
    private final Map<String, Node> placesOfMembers = new LinkedHashMap<>();
    private final List<Issuer> issuers = new ArrayList<>();
    private final List<Rule> rules = new ArrayList<>();

    /**
     * What was read.
     *
     * @param policy null where there are faults
     * @param faults a sentence each, with file, line and column
     * @param warnings what has no effect, a sentence each
     * @param files {@code access.yaml} and all files that it names
     */
    record Result(Policy policy, List<String> faults, List<String> warnings, List<Path> files) {
    }

    private AccessFile(Path file) {
        this.file = file;
    }

    static Result read(Path file) {
        return new AccessFile(file).read();
    }

    /**
     * Returns the path of a file that {@code access.yaml} names; the file need not be there.
     *
     * @param key users or robots
     * @throws InvalidSettingException if {@code access.yaml} cannot be read, or names no such file
     */
    static Path named(Path file, String key) throws InvalidSettingException {
        AccessFile reader = new AccessFile(file);
        String text = reader.textOf(file, file.toString());
        Path found = null;
        if (text != null) {
            reader.yaml = new AccessYaml(file.toString(), text, reader.faults);
            Node root = reader.yaml.root();
            Node node = root == null ? null : reader.yaml.map(root, file.toString(), KEYS).get(key);
            found = node == null ? null : reader.other(node, key);
        }
        if (!reader.faults.isEmpty()) {
            throw new InvalidSettingException(reader.faults.get(0));
        }
        if (found == null) {
            throw new InvalidSettingException(file + " names no file of " + key + ": add the line \"" + key + ": " + (key.equals("users") ? "users.htpasswd" : "robots.yaml") + "\"");
        }
        return found;
    }

    private Result read() {
        Policy policy = null;
        String text = textOf(file, file.toString());
        if (text != null) {
            yaml = new AccessYaml(file.toString(), text, faults);
            policy = yaml.root() == null ? null : policy(yaml.map(yaml.root(), file.toString(), KEYS));
            if (faults.isEmpty() && policy == null) {
                faults.add(file + ": it is empty; without a rule nobody may pull");
            }
        }
        List<Path> files = new ArrayList<>(List.of(file));
        files.addAll(others);
        // A rule may be without effect because of a fault elsewhere.
        return new Result(faults.isEmpty() ? policy : null, faults, faults.isEmpty() ? warnings : List.of(), files);
    }

    private Policy policy(Map<String, Node> keys) {
        if (keys.containsKey("users")) {
            readUsers(keys.get("users"));
        }
        if (keys.containsKey("robots")) {
            readRobots(keys.get("robots"));
        }
        if (keys.containsKey("groups")) {
            readGroups(keys.get("groups"));
        }
        if (keys.containsKey("issuers")) {
            yaml.list(keys.get("issuers"), "issuers").forEach(this::readIssuer);
        }
        String unknown = "anonymous";
        if (keys.containsKey("unknown-credentials")) {
            unknown = yaml.text(keys.get("unknown-credentials"), "unknown-credentials");
            if (unknown != null && !UNKNOWN_CREDENTIALS.contains(unknown)) {
                yaml.fault(keys.get("unknown-credentials"), "unknown-credentials is anonymous or refuse");
            }
        }
        if (keys.containsKey("rules")) {
            List<Node> list = yaml.list(keys.get("rules"), "rules");
            if (list.size() > MOST_RULES) {
                yaml.fault(list.get(MOST_RULES), "there are more than " + MOST_RULES + " rules");
            }
            list.stream().limit(MOST_RULES).forEach(this::readRule);
        } else {
            warnings.add(file + ": it has no rules, so nobody may pull but robots");
        }
        placesOfMembers.forEach((user, at) -> {
            if (!isSomebody(user)) {
                warnings.add(yaml.place(at) + ": there is no user " + Printable.of(user));
            }
        });
        Map<String, Set<String>> groupsOf = new LinkedHashMap<>();
        members.forEach((group, names) -> names.forEach(name -> groupsOf.computeIfAbsent(name, some -> new TreeSet<>()).add(group)));
        return new Policy(file.toString(), users, robots, groupsOf, List.copyOf(issuers), "refuse".equals(unknown), List.copyOf(rules));
    }

    private void readUsers(Node node) {
        Path of = other(node, "users");
        String text = of == null ? null : textOf(of, yaml.place(node) + ": " + of, "; mirror-registry user add NAME makes it");
        if (text != null) {
            Htpasswd.Result read = Htpasswd.read(text);
            read.faults().forEach(fault -> faults.add(of + ":" + fault.line() + ": " + fault.sentence()));
            users = read.users();
        }
    }

    private void readRobots(Node node) {
        Path of = other(node, "robots");
        String text = of == null ? null : textOf(of, yaml.place(node) + ": " + of, "; mirror-registry robot add NAME makes it");
        if (text != null) {
            RobotsFile.Result read = RobotsFile.read(of.toString(), text);
            faults.addAll(read.faults());
            robots = read.robots().stream().collect(Collectors.toMap(Robot::name, robot -> robot, (one, same) -> one, LinkedHashMap::new));
            robots.keySet().stream().filter(users::containsKey).forEach(name -> faults.add(of + ": the robot " + Printable.of(name) + " has the name of a user"));
        }
    }

    private void readGroups(Node node) {
        yaml.entries(node, "groups").forEach((name, list) -> {
            if (members.put(name.getValue(), Set.of()) != null) {
                yaml.fault(name, "there are two groups with this name");
            }
            Map<String, Node> names = yaml.texts(list, "a group's user");
            names.forEach((user, at) -> {
                if (user.indexOf('*') >= 0) {
                    yaml.fault(at, "a group names its users one by one; * stands for users in a rule only");
                }
            });
            members.put(name.getValue(), new LinkedHashSet<>(names.keySet()));
            placesOfMembers.putAll(names);
        });
    }

    private void readIssuer(Node node) {
        Map<String, Node> keys = yaml.map(node, "an issuer", ISSUER_KEYS);
        String issuer = yaml.required(node, keys, "an issuer", "issuer");
        String audience = yaml.required(node, keys, "an issuer", "audience");
        String user = yaml.required(node, keys, "an issuer", "user");
        URI address = null;
        String text = null;
        int before = faults.size();
        if (keys.containsKey("keys")) {
            String where = yaml.text(keys.get("keys"), "keys");
            if (where != null && where.matches("[a-zA-Z][a-zA-Z0-9+.-]*://.*")) {
                address = address(keys.get("keys"), where);
            } else if (where != null) {
                Path of = other(keys.get("keys"), "keys");
                text = of == null ? null : textOf(of, yaml.place(keys.get("keys")) + ": " + of);
            }
        }
        if (issuer != null && audience != null && user != null && faults.size() == before) {
            Issuer read = new Issuer(issuer, audience, address, text, user);
            Optional<String> fault = IssuerTokens.fault(read);
            // A sentence begins with the key that it is about.
            fault.ifPresent(sentence -> yaml.fault(keys.getOrDefault(sentence.split(" ")[0], node), sentence));
            if (fault.isEmpty()) {
                issuers.stream().filter(other -> other.issuer().equals(issuer)).findFirst()
                        .ifPresent(same -> yaml.fault(keys.get("issuer"), "there are two entries for this issuer"));
                issuers.stream().filter(other -> other.prefix().startsWith(read.prefix()) || read.prefix().startsWith(other.prefix())).findFirst()
                        .ifPresent(near -> yaml.fault(keys.get("user"), "users of two issuers may have the same name: these begin with " + read.prefix()
                                + ", those of " + near.issuer() + " with " + near.prefix()));
                issuers.add(read);
            }
        }
    }

    private URI address(Node node, String where) {
        try {
            return new URI(where);
        } catch (URISyntaxException e) {
            yaml.fault(node, "this is no URL");
            return null;
        }
    }

    private void readRule(Node node) {
        Map<String, Node> keys = yaml.map(node, "a rule", RULE_KEYS);
        int before = faults.size();
        String who = yaml.required(node, keys, "a rule", "who");
        Rule.Who whom = who == null ? null : who(keys.get("who"), who);
        List<NamePattern> repositories = yaml.patterns(node, keys, "a rule");
        Networks from = keys.containsKey("from") ? from(keys.get("from")) : Networks.NONE;
        Set<Action> may = yaml.actions(node, keys, "a rule");
        if (faults.size() == before) {
            Rule rule = new Rule(AccessYaml.line(node), whom, from, repositories, may);
            warnOfNoEffect(rule, yaml.place(node));
            rules.add(rule);
        }
    }

    private Rule.Who who(Node node, String who) {
        if (who.equals("anyone")) {
            return new Rule.Anyone();
        } else if (who.equals("users")) {
            return new Rule.Users();
        } else if (who.startsWith("user:") && who.length() > "user:".length()) {
            String name = who.substring("user:".length());
            if (name.contains(NamePattern.USER)) {
                yaml.fault(node, NamePattern.USER + " stands for the user's name in repositories only");
            }
            return new Rule.User(NamePattern.of(name));
        } else if (who.startsWith("group:") && who.length() > "group:".length()) {
            return new Rule.Group(who.substring("group:".length()));
        }
        yaml.fault(node, "who is anyone, users, user:NAME or group:NAME");
        return null;
    }

    private Networks from(Node node) {
        String text = String.join(", ", yaml.texts(node, "from").keySet());
        try {
            Networks from = Networks.parse(text);
            if (from.isEmpty()) {
                yaml.fault(node, "from names at least one address");
            }
            return from;
        } catch (IllegalArgumentException e) {
            yaml.fault(node, "from is a list of IP addresses and ranges, such as 10.0.0.0/8: " + Printable.of(e.getMessage()));
            return Networks.NONE;
        }
    }

    /** These are no faults: a rule for a user that the command has just removed must not keep the user. */
    private void warnOfNoEffect(Rule rule, String place) {
        if (rule.who() instanceof Rule.Group group && !members.containsKey(group.name())) {
            warnings.add(place + ": the rule fits nobody, because there is no group " + Printable.of(group.name()));
        } else if (rule.who() instanceof Rule.User user && !isSomebody(user.names().toString())) {
            warnings.add(place + ": the rule fits nobody, because there is no user " + Printable.of(user.names().toString()));
        } else if (rules.stream().anyMatch(earlier -> earlier.hides(rule))) {
            warnings.add(place + ": the rule never decides, because the one in line "
                    + rules.stream().filter(earlier -> earlier.hides(rule)).findFirst().orElseThrow().line() + " fits whenever this one does");
        }
    }

    private boolean isSomebody(String pattern) {
        NamePattern names = NamePattern.of(pattern);
        int colon = pattern.indexOf(':');
        // Not a robot's: its own entry decides.
        return users.keySet().stream().anyMatch(name -> names.fits(name, "")) || pattern.startsWith("*")
                || colon > 0 && issuers.stream().anyMatch(issuer -> NamePattern.of(pattern.substring(0, colon + 1)).fits(issuer.prefix(), ""));
    }

    /** Returns the path that a key gives, from the folder of {@code access.yaml}; null, with a fault, where it is none. */
    private Path other(Node node, String key) {
        String text = yaml.text(node, key);
        try {
            Path path = text == null ? null : file.resolveSibling(text);
            if (path != null) {
                others.add(path);
            }
            return path;
        } catch (InvalidPathException e) {
            yaml.fault(node, "this is no path");
            return null;
        }
    }

    private String textOf(Path path, String fault) {
        return textOf(path, fault, "");
    }

    /** @param more the end of the sentence for a file that is not there */
    private String textOf(Path path, String fault, String more) {
        try {
            return BoundedFile.readText(path);
        } catch (CharacterCodingException e) {
            faults.add(fault + ": it is not UTF-8");
        } catch (IOException e) {
            faults.add(fault + ": " + Denied.reason(path, e) + (e instanceof NoSuchFileException ? more : ""));
        }
        return null;
    }
}
