package dataprocessor;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

/**
 * Judges values without Flink, to be held against the pool's decoder: standard input holds, for each, its time stamp
 * (8 bytes), its length (4 bytes, -1: none) and bytes. The answer: 1 or 0 for a login, a text's length (4 bytes), the
 * processed record or `reason: message`.
 */
public final class Verdicts {
    private static final long NOW = 1_700_000_000_123L;

    private Verdicts() {}

    public static void main(String[] arguments) throws IOException {
        boolean keepUnknown = arguments[0].equals("keep");
        var in = new DataInputStream(new BufferedInputStream(System.in));
        var out = new DataOutputStream(new BufferedOutputStream(System.out));
        for (int left = in.readInt(); left > 0; left--) {
            long timestamp = in.readLong();
            int length = in.readInt();
            byte[] verdict;
            try {
                byte[] value = length < 0 ? null : in.readNBytes(length);
                verdict = Login.of(value, timestamp).processed(NOW, keepUnknown);
                out.writeByte(1);
            } catch (Refused why) {
                verdict = (why.reason + ": " + why.getMessage()).getBytes(StandardCharsets.UTF_8);
                out.writeByte(0);
            }
            out.writeInt(verdict.length);
            out.write(verdict);
        }
        out.flush();
    }
}
