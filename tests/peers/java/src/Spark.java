import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/**
 * Spark SQL, a statement a line: {@code Spark KEY=VALUE…} reads statements from its input and answers each with a line
 * of JSON, {@code {"columns": […], "rows": [[…]]}} or {@code {"error": "…"}}. The first line is {@code {"ready": true}}.
 *
 * <p>Numbers, booleans and nulls are what they are in JSON, lists and structs are lists, everything else is text.
 */
public final class Spark {
    private Spark() {}

    public static void main(String[] settings) throws Exception {
        var builder = SparkSession.builder().master("local[2]");
        for (var setting : settings) {
            var at = setting.indexOf('=');
            builder.config(setting.substring(0, at), setting.substring(at + 1));
        }
        var spark = builder.getOrCreate();
        System.out.println(Json.of(Map.of("ready", true)));
        var input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (var statement = input.readLine(); statement != null; statement = input.readLine()) {
            System.out.println(Json.of(answer(spark, statement)));
        }
        spark.stop();
    }

    private static Map<String, Object> answer(SparkSession spark, String statement) {
        var answer = new LinkedHashMap<String, Object>();
        try {
            var rows = spark.sql(statement);
            answer.put("columns", Arrays.asList(rows.columns()));
            answer.put("rows", rows.collectAsList().stream().map(Spark::list).toList());
        } catch (Exception error) {
            answer.put("error", error.toString().replaceAll("\\p{Cntrl}", " "));
        }
        return answer;
    }

    private static List<Object> list(Row row) {
        var values = new ArrayList<Object>();
        for (int n = 0; n < row.length(); n++) {
            values.add(plain(row.get(n)));
        }
        return values;
    }

    private static Object plain(Object value) {
        if (value instanceof Row row) {
            return list(row);
        }
        if (value instanceof scala.collection.Seq<?> seq) {
            var values = new ArrayList<Object>();
            seq.foreach(item -> values.add(plain(item)));
            return values;
        }
        if (value instanceof java.math.BigDecimal || value instanceof Float || value instanceof Double) {
            return value.toString();
        }
        return value;
    }
}
