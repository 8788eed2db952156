package dataprocessor;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;

/** Runs a file of SQL statements as Flink's SQL client does with `-f`, without one: FILE [KEY=VALUE…]; prints the job's id. */
public final class Submit {
    private static final Pattern SET = Pattern.compile("SET '([^']+)' = '([^']*)'");

    private Submit() {}

    public static void main(String[] arguments) throws IOException {
        var configuration = new Configuration();
        var statements = new ArrayList<String>();
        for (String statement : statements(Files.readString(Path.of(arguments[0])))) {
            Matcher set = SET.matcher(statement);
            if (set.matches()) {
                configuration.setString(set.group(1), set.group(2));
            } else {
                statements.add(statement);
            }
        }
        for (String option : List.of(arguments).subList(1, arguments.length)) {
            int equals = option.indexOf('=');
            configuration.setString(option.substring(0, equals), option.substring(equals + 1));
        }
        var settings = EnvironmentSettings.newInstance().inStreamingMode().withConfiguration(configuration).build();
        var tables = TableEnvironment.create(settings);
        for (String statement : statements) {
            tables.executeSql(statement).getJobClient().ifPresent(job -> System.out.println(job.getJobID()));
        }
    }

    /** A statement ends with a semicolon at the end of a line; what lies between BEGIN and END is one. */
    static List<String> statements(String text) {
        var found = new ArrayList<String>();
        var lines = new StringBuilder();
        boolean within = false;
        for (String line : text.lines().filter(each -> !each.startsWith("--")).toList()) {
            within = within || line.endsWith("BEGIN");
            lines.append(line).append('\n');
            if (line.endsWith(";") && (!within || line.equals("END;"))) {
                within = false;
                String statement = lines.toString().strip();
                found.add(statement.substring(0, statement.length() - 1));
                lines.setLength(0);
            }
        }
        return found;
    }
}
