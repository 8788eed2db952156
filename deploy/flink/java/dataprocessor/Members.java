package dataprocessor;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Pattern;

/** The object that a value is, checked to the last byte: where each member lies; of equal names the last. */
final class Members {
    private static final Pattern LONE_SURROGATE = Pattern.compile(
            "\\\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\\\u[dD][c-fC-F])"
                    + "|(?<!\\\\u[dD][89abAB][0-9a-fA-F]{2})\\\\u[dD][c-fC-F]");

    final Json json;
    final Map<String, int[]> at = new LinkedHashMap<>(); // name -> where its value begins and ends

    private Members(byte[] value) {
        json = new Json(value);
    }

    static Members of(byte[] value) throws Refused {
        refuseEncoding(value);
        var members = new Members(value);
        if (!members.read()) {
            throw members.why();
        }
        if (members.json.hasTooLargeNumber) {
            throw new Refused("number", "a number exceeds a double, or an integer 4,300 digits");
        }
        return members;
    }

    private static void refuseEncoding(byte[] value) throws Refused {
        if (value.length >= 3 && value[0] == (byte) 0xef && value[1] == (byte) 0xbb && value[2] == (byte) 0xbf) {
            throw new Refused("encoding", "the value begins with a byte order mark");
        }
        int wrong = Text.notUtf8(value);
        if (wrong >= 0) {
            throw new Refused("encoding", "invalid UTF-8 at byte " + wrong);
        }
    }

    private boolean read() {
        int next = json.blanks(0);
        if (!json.is(next, '{')) {
            return false;
        }
        next = json.blanks(next + 1);
        if (json.is(next, '}')) {
            return json.blanks(next + 1) == json.text.length;
        }
        while (json.is(next, '"')) {
            int named = json.string(next);
            if (named == Json.BAD || !json.is(json.blanks(named), ':')) {
                return false;
            }
            int from = json.blanks(json.blanks(named) + 1);
            int to = json.value(from, 1);
            if (to == Json.BAD) {
                return false;
            }
            at.put(Text.read(json, next, named), new int[] {from, to});
            int end = json.blanks(to);
            if (!json.is(end, ',')) {
                return json.is(end, '}') && json.blanks(end + 1) == json.text.length;
            }
            next = json.blanks(end + 1);
        }
        return false;
    }

    /** Why it could not be read, in the order in which the pool asks. */
    private Refused why() {
        String value = new String(json.text, ISO_8859_1); // a character a byte
        if (nesting(value) > Json.DEEPEST) {
            return new Refused("nesting", "objects and arrays lie more than 512 deep within each other");
        }
        int first = json.blanks(0);
        boolean begins = json.is(first, '[') || !json.is(first, '{') && json.value(first, 1) != Json.BAD;
        if (begins) {
            return new Refused("not-an-object", "the value is not a JSON object");
        }
        if (LONE_SURROGATE.matcher(value.replace("\\\\", "")).find()) {
            return new Refused("encoding", "an escape in a string stands for half a surrogate pair");
        }
        return new Refused("json", "JSON is malformed");
    }

    private static int nesting(String value) {
        String plain = value.replace("\\\\", "").replace("\\\"", "");
        int depth = 0;
        int deepest = 0;
        boolean outside = true;
        for (int at = 0; at < plain.length(); at++) {
            char here = plain.charAt(at);
            if (here == '"') {
                outside = !outside;
            } else if (outside && (here == '[' || here == '{')) {
                deepest = Math.max(deepest, ++depth);
            } else if (outside && (here == ']' || here == '}')) {
                depth--;
            }
        }
        return deepest;
    }

    boolean isNull(int[] value) {
        return value == null || json.is(value[0], 'n');
    }

    boolean isString(int[] value) {
        return json.is(value[0], '"');
    }

    String string(int[] value) {
        return Text.read(json, value[0], value[1]);
    }

    String raw(int[] value) {
        return new String(json.text, value[0], value[1] - value[0], ISO_8859_1);
    }
}
