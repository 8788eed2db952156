package dataprocessor;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.HashMap;
import java.util.Map;

/** The dead letter of a record: its bytes, and headers that say why and where it came from; see dead_letters.py. */
final class Letter {
    private static final String PREFIX = "dead-letter.";
    private static final int OVERHEAD = 1024;

    final byte[] key;
    final byte[] value;
    final Map<String, byte[]> headers;

    Letter(Origin origin, byte[] key, byte[] value, Map<String, byte[]> carried, Refused why, int limit) {
        Map<String, byte[]> facts = origin.facts(why);
        if (bytes(key, value, carried, facts) > limit) {
            note(facts, "value-length", value == null ? 0 : value.length);
            value = null;
        }
        if (bytes(key, value, carried, facts) > limit) {
            note(facts, "headers-left-out", carried.size());
            carried = Map.of();
        }
        if (bytes(key, value, carried, facts) > limit) {
            note(facts, "key-length", key == null ? 0 : key.length);
            key = null;
        }
        this.key = key;
        this.value = value;
        headers = new HashMap<>(carried);
        headers.putAll(facts);
    }

    /** Where a record lies. */
    record Origin(String topic, int partition, long offset, long timestamp) {
        private Map<String, byte[]> facts(Refused why) {
            var facts = new HashMap<String, byte[]>();
            facts.put(PREFIX + "reason", why.reason.getBytes(UTF_8));
            facts.put(PREFIX + "message", why.getMessage().getBytes(UTF_8));
            facts.put(PREFIX + "topic", topic.getBytes(UTF_8));
            note(facts, "partition", partition);
            note(facts, "offset", offset);
            note(facts, "timestamp", timestamp);
            return facts;
        }
    }

    /** An upper bound of a record's bytes on the wire, uncompressed: the pool's own arithmetic. */
    @SafeVarargs
    static long bytes(byte[] key, byte[] value, Map<String, byte[]>... headers) {
        long bytes = OVERHEAD + (key == null ? 0 : key.length) + (value == null ? 0 : value.length);
        for (Map<String, byte[]> some : headers) {
            for (Map.Entry<String, byte[]> each : some.entrySet()) {
                bytes += each.getKey().getBytes(UTF_8).length + 10;
                bytes += each.getValue() == null ? 0 : each.getValue().length;
            }
        }
        return bytes;
    }

    private static void note(Map<String, byte[]> facts, String name, long number) {
        facts.put(PREFIX + name, Long.toString(number).getBytes(UTF_8));
    }
}
