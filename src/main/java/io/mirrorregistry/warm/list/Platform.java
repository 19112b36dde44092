package io.mirrorregistry.warm.list;

import io.mirrorregistry.files.NearestName;
import io.mirrorregistry.files.Printable;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Checks platforms: {@code OS/ARCHITECTURE} or {@code OS/ARCHITECTURE/VARIANT}.
 *
 * @see <a href="https://github.com/opencontainers/image-spec/blob/v1.1.0/image-index.md#image-index-property-descriptions">Platforms of an index</a>
 */
public final class Platform {

    private static final Pattern FORM = Pattern.compile("([a-z0-9]{1,32})/([a-z0-9_]{1,32})(/[a-z0-9][a-z0-9._-]{0,31})?");
    private static final Set<String> SYSTEMS = Set.of("linux", "windows", "darwin", "freebsd", "netbsd", "openbsd", "solaris", "wasip1", "wasi");
    private static final Set<String> ARCHITECTURES = Set.of("amd64", "arm64", "arm", "386", "ppc64le", "ppc64", "s390x", "riscv64", "loong64", "mips", "mipsle",
            "mips64", "mips64le", "wasm");
    /** Names that machines use, and the names in images. */
    private static final Map<String, String> OTHER_NAMES = Map.of("x86_64", "amd64", "x86", "386", "i386", "386", "i686", "386", "aarch64", "arm64", "armv8", "arm64",
            "armhf", "arm/v7", "armv7", "arm/v7", "armv7l", "arm/v7", "armv6", "arm/v6");

    private Platform() {
    }

    /** Returns why a text is no platform, as a sentence; null if it is one. */
    public static String fault(String text) {
        Matcher parts = FORM.matcher(text);
        if (!parts.matches()) {
            return Printable.of(text) + " is no platform: a platform is OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT in lower case, such as linux/amd64 or linux/arm/v7";
        }
        String meant = OTHER_NAMES.get(parts.group(2));
        return meant == null ? null : text + " is no platform: images say " + parts.group(1) + "/" + meant;
    }

    /** Returns a sentence if hardly any image has the platform, which is probably misspelt; null otherwise. */
    static String doubt(String platform) {
        String[] parts = platform.split("/");
        if (!SYSTEMS.contains(parts[0])) {
            return platform + ": no image is known for the system " + parts[0] + NearestName.question(parts[0], SYSTEMS);
        }
        return ARCHITECTURES.contains(parts[1]) ? null
                : platform + ": no image is known for the architecture " + parts[1] + NearestName.question(parts[1], new TreeSet<>(ARCHITECTURES));
    }
}
