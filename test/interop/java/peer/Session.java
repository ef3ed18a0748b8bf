package peer;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

import org.apache.paimon.data.BinaryString;
import org.apache.paimon.data.GenericRow;
import org.apache.paimon.data.InternalRow;
import org.apache.paimon.fs.Path;
import org.apache.paimon.fs.local.LocalFileIO;
import org.apache.paimon.reader.RecordReader;
import org.apache.paimon.schema.SchemaChange;
import org.apache.paimon.schema.SchemaManager;
import org.apache.paimon.shade.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.paimon.shade.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.paimon.table.FileStoreTable;
import org.apache.paimon.table.sink.BatchTableCommit;
import org.apache.paimon.table.sink.BatchTableWrite;
import org.apache.paimon.table.sink.BatchWriteBuilder;
import org.apache.paimon.table.source.ReadBuilder;
import org.apache.paimon.types.DataTypeJsonParser;
import org.apache.paimon.types.RowType;

/**
 * One virtual machine for many commands of the peer: a line is a JSON array of words, the answer a line
 * {"ok":…,"bytes":N} and N bytes, what the command printed or why it failed. Beside the peer's own commands those that
 * the suite needs: alter, overwrite, fill, tag, digest.
 */
public final class Session {
    private static final ObjectMapper JSON = new ObjectMapper();

    private Session() {}

    public static void main(String[] argv) throws Exception {
        OutputStream answers = new BufferedOutputStream(new FileOutputStream(FileDescriptor.out), 1 << 16);
        System.setOut(System.err);
        BufferedReader in = new BufferedReader(new InputStreamReader(new BufferedInputStream(System.in), StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            boolean ok = true;
            try (PrintStream out = new PrintStream(bytes, false, StandardCharsets.UTF_8)) {
                List<String> words = new ArrayList<>();
                JSON.readTree(line).forEach(word -> words.add(word.asText()));
                run(words.toArray(new String[0]), out);
            } catch (Throwable failure) {
                ok = false;
                bytes.reset();
                Throwable root = failure;
                while (root.getCause() != null) root = root.getCause();
                bytes.writeBytes(root.toString().getBytes(StandardCharsets.UTF_8));
            }
            answers.write(("{\"ok\":" + ok + ",\"bytes\":" + bytes.size() + "}\n").getBytes(StandardCharsets.UTF_8));
            bytes.writeTo(answers);
            answers.flush();
        }
        // Paimon leaves threads behind.
        System.exit(0);
    }

    private static void run(String[] words, PrintStream out) throws Exception {
        Args args = new Args(words);
        String table = args.words.get(1);
        switch (args.words.get(0)) {
            case "create" -> Tables.create(table, args.words.get(2));
            case "read" -> Tables.read(table, args, out);
            case "read-many" -> Tables.readMany(args.words.subList(1, args.words.size()), args, out);
            case "changelog" -> Tables.changelog(table, args, out);
            case "upsert" -> Tables.upsert(table, args.words.get(2), args, out);
            case "compact" -> Tables.compact(table, args, out);
            case "files" -> Tables.files(table, args, out);
            case "alter" -> alter(table, JSON.readTree(args.words.get(2)));
            case "overwrite" -> overwrite(table, args.words.get(2), args);
            case "fill" -> fill(table, Long.parseLong(args.words.get(2)), args.words.get(3), args);
            case "tag" -> tag(table, args.words.get(2), args);
            case "digest" -> digest(table, args, out);
            default -> throw new IllegalArgumentException("unknown command " + args.words.get(0));
        }
    }

    /** Changes of a schema: {add, type, after?} {drop} {rename, to} {widen, type} {option, value}. */
    private static void alter(String table, JsonNode changes) throws Exception {
        List<SchemaChange> list = new ArrayList<>();
        for (JsonNode c : changes) {
            if (c.has("add")) {
                SchemaChange.Move move = c.has("after")
                        ? SchemaChange.Move.after(c.get("add").asText(), c.get("after").asText()) : null;
                list.add(SchemaChange.addColumn(c.get("add").asText(), DataTypeJsonParser.parseDataType(c.get("type")), null, move));
            } else if (c.has("drop")) list.add(SchemaChange.dropColumn(c.get("drop").asText()));
            else if (c.has("rename")) list.add(SchemaChange.renameColumn(c.get("rename").asText(), c.get("to").asText()));
            else if (c.has("widen")) list.add(SchemaChange.updateColumnType(c.get("widen").asText(), DataTypeJsonParser.parseDataType(c.get("type"))));
            else list.add(SchemaChange.setOption(c.get("option").asText(), c.get("value").asText()));
        }
        new SchemaManager(LocalFileIO.create(), new Path(table)).commitChanges(list);
    }

    /** Rows of a file take the place of all that the table, or the partition {"overwrite": {…}} of the first line, holds. */
    private static void overwrite(String path, String file, Args args) throws Exception {
        FileStoreTable table = Tables.open(path, args.options);
        BatchWriteBuilder builder = table.newBatchWriteBuilder().withOverwrite();
        try (BatchTableWrite write = builder.newWrite(); BatchTableCommit commit = builder.newCommit();
                BufferedReader in = java.nio.file.Files.newBufferedReader(java.nio.file.Path.of(file))) {
            for (String line = in.readLine(); line != null; line = in.readLine()) write.write(Canon.parseRow(JSON.readTree(line), table.rowType()));
            commit.commit(write.prepareCommit());
        }
    }

    /** Rows (BIGINT key 0 … count − 1, STRING text + key) in one commit. */
    private static void fill(String path, long count, String text, Args args) throws Exception {
        try (Tables.Writer writer = new Tables.Writer(Tables.open(path, args.options))) {
            for (long i = 0; i < count; i++) writer.write.write(GenericRow.of(i, BinaryString.fromString(text + i)));
            writer.commit(true);
        }
    }

    private static void tag(String path, String name, Args args) {
        FileStoreTable table = Tables.open(path, Map.of());
        if (args.has("snapshot")) table.createTag(name, Long.parseLong(args.get("snapshot", "")));
        else table.createTag(name);
    }

    /** {"rows":N,"sha256":…} over the sorted canonical lines. */
    private static void digest(String path, Args args, PrintStream out) throws Exception {
        FileStoreTable table = Tables.open(path, args.options);
        RowType type = table.rowType();
        ReadBuilder builder = table.newReadBuilder();
        List<String> lines = new ArrayList<>();
        try (RecordReader<InternalRow> reader = builder.newRead().createReader(builder.newScan().plan().splits())) {
            reader.forEachRemaining(row -> lines.add(Canon.row(row, type)));
        }
        Collections.sort(lines);
        MessageDigest sha = MessageDigest.getInstance("SHA-256");
        for (String line : lines) sha.update((line + "\n").getBytes(StandardCharsets.UTF_8));
        out.println("{\"rows\":" + lines.size() + ",\"sha256\":\"" + HexFormat.of().formatHex(sha.digest()) + "\"}");
    }
}
