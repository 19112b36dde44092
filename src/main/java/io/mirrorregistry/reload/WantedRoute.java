package io.mirrorregistry.reload;

/**
 * A route that has to exist. Where no route of the files begins with its address, it is made from a {@code routeTemplate}.
 *
 * @param template the template's id, such as {@code registry-http}
 * @param name the value of the template's parameter {@code name}, such as {@code hot}
 * @param address what the route begins with, such as {@code direct:registry-hot}
 */
public record WantedRoute(String template, String name, String address) {

    /** The parameter that a template is given. */
    static final String PARAMETER = "name";

    /** Returns the id of the route that is made: its address without {@code direct:}. */
    String routeId() {
        return address.substring(address.indexOf(':') + 1);
    }

    /** Returns the thing that the route is for, such as {@code registry hot}. */
    String purpose() {
        String suffix = "-" + name;
        return (routeId().endsWith(suffix) ? routeId().substring(0, routeId().length() - suffix.length()) + " " : "") + name;
    }
}
