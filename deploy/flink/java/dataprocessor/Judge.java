package dataprocessor;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.time.Instant;
import java.util.Map;
import org.apache.flink.table.annotation.DataTypeHint;
import org.apache.flink.table.annotation.FunctionHint;
import org.apache.flink.table.functions.TableFunction;
import org.apache.flink.types.Row;

/** `judge(…)` in SQL: of each record exactly one row, a processed login, or a dead letter with its reason. */
@FunctionHint(output = @DataTypeHint(
        "ROW<user_id STRING, out_key BYTES, out_value BYTES, out_headers MAP<STRING, BYTES>, reason STRING>"))
public final class Judge extends TableFunction<Row> {
    private static final long serialVersionUID = 1L;
    private static final Refused TOO_LARGE =
            new Refused("too-large", "the processed record would not fit the output topic");

    public void eval(
            byte[] key,
            byte[] value,
            @DataTypeHint("MAP<STRING, BYTES>") Map<String, byte[]> headers,
            String topic,
            Integer partition,
            Long offset,
            @DataTypeHint("TIMESTAMP_LTZ(3)") Instant timestamp,
            Boolean keepUnknown,
            Integer limit) {
        long at = timestamp.toEpochMilli();
        try {
            Login login = Login.of(value, at);
            byte[] made = login.processed(System.currentTimeMillis(), keepUnknown);
            byte[] to = key == null ? login.userId.getBytes(UTF_8) : key;
            if (Letter.bytes(to, made, headers) > limit) {
                throw TOO_LARGE;
            }
            collect(Row.of(login.userId, to, made, headers, null));
        } catch (Refused why) {
            var origin = new Letter.Origin(topic, partition, offset, at);
            var letter = new Letter(origin, key, value, headers, why, limit);
            collect(Row.of(null, letter.key, letter.value, letter.headers, why.reason));
        }
    }

    /** It stamps records with the clock: nothing may evaluate it twice, or beforehand. */
    @Override
    public boolean isDeterministic() {
        return false;
    }
}
