package dataprocessor;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.math.BigInteger;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/** A valid login; who is refused says why. The rules are processor/logins/unusual.py's, in the same order. */
public final class Login {
    private static final List<String> OPTIONAL = List.of("app_version", "device_type", "ip", "locale", "device_id");
    private static final Set<String> KNOWN = Set.of(
            "user_id", "app_version", "device_type", "ip", "locale", "device_id", "timestamp", "processed_timestamp");
    private static final int LONGEST_ID = 256;
    private static final Pattern INTEGER = Pattern.compile("-?[0-9]+");

    public final String userId;
    private final Members members;
    private final long timestamp;

    private Login(Members members, long recordTimestamp) throws Refused {
        this.members = members;
        userId = userId(members.at.get("user_id"));
        for (String name : OPTIONAL) {
            int[] value = members.at.get(name);
            if (!members.isNull(value) && !members.isString(value)) {
                throw new Refused("field", name + " is neither a string nor null");
            }
        }
        timestamp = timestamp(members.at.get("timestamp"), recordTimestamp);
    }

    /** Decide on any value whatever; the record's own time stamp stands in for one that is missing or null. */
    public static Login of(byte[] value, long recordTimestamp) throws Refused {
        if (value == null) {
            throw new Refused("tombstone", "the record has no value");
        }
        if (value.length == 0) {
            throw new Refused("empty", "the value has no bytes");
        }
        return new Login(Members.of(value), recordTimestamp);
    }

    /** The processed record's value. */
    public byte[] processed(long now, boolean keepUnknown) {
        var out = new ByteArrayOutputStream(members.json.text.length + 128);
        out.writeBytes("{\"user_id\":".getBytes(UTF_8));
        Text.write(out, userId);
        for (String name : OPTIONAL) {
            out.writeBytes((",\"" + name + "\":").getBytes(UTF_8));
            writeOptional(out, members.at.get(name));
        }
        out.writeBytes((",\"timestamp\":" + timestamp + ",\"processed_timestamp\":" + now).getBytes(UTF_8));
        if (keepUnknown) {
            for (Map.Entry<String, int[]> member : members.at.entrySet()) {
                if (!KNOWN.contains(member.getKey())) {
                    out.write(',');
                    Text.write(out, member.getKey());
                    out.write(':');
                    copy(out, member.getValue());
                }
            }
        }
        out.write('}');
        return out.toByteArray();
    }

    private void writeOptional(ByteArrayOutputStream out, int[] value) {
        if (members.isNull(value)) {
            out.writeBytes("null".getBytes(UTF_8));
        } else if (Text.hasEscape(members.json.text, value[0], value[1])) {
            Text.write(out, members.string(value));
        } else {
            copy(out, value);
        }
    }

    private void copy(ByteArrayOutputStream out, int[] value) {
        out.write(members.json.text, value[0], value[1] - value[0]);
    }

    private String userId(int[] value) throws Refused {
        if (members.isNull(value)) {
            throw refused("user_id is missing");
        }
        if (members.isString(value)) {
            String id = members.string(value);
            if (id.isEmpty()) {
                throw refused("user_id is empty");
            }
            if (id.codePointCount(0, id.length()) > LONGEST_ID) {
                throw refused("user_id has more than 256 characters");
            }
            return id;
        }
        String number = members.raw(value);
        if (!INTEGER.matcher(number).matches()) {
            throw refused("user_id is neither a string nor an integer");
        }
        if (number.length() - (number.startsWith("-") ? 1 : 0) > LONGEST_ID) {
            throw refused("user_id has more than 256 digits");
        }
        return new BigInteger(number).toString();
    }

    private long timestamp(int[] value, long recordTimestamp) throws Refused {
        if (members.isNull(value)) {
            return Instants.ofRecord(recordTimestamp);
        }
        return members.isString(value)
                ? Instants.ofText(members.string(value))
                : Instants.ofJsonNumber(members.raw(value));
    }

    private static Refused refused(String message) {
        return new Refused("user-id", message);
    }
}
