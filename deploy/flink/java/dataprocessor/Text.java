package dataprocessor;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CodingErrorAction;

/** JSON strings: read, written as the pool writes them, and what is no UTF-8. */
final class Text {
    private static final byte[] HEXADECIMAL = "0123456789abcdef".getBytes(UTF_8);
    private static final String ESCAPED = "\b\f\n\r\t\"\\";
    private static final String LETTERS = "bfnrt\"\\";

    private Text() {}

    /** The string that lies between two quotation marks; it was found sound before. */
    static String read(Json json, int from, int to) {
        byte[] text = json.text;
        if (!hasEscape(text, from, to)) {
            return new String(text, from + 1, to - from - 2, UTF_8);
        }
        var read = new StringBuilder();
        int begun = from + 1;
        for (int at = from + 1; at < to - 1; at++) {
            if (text[at] == '\\') {
                read.append(new String(text, begun, at - begun, UTF_8));
                at++;
                if (text[at] == 'u') {
                    read.append((char) json.unit(at + 1));
                    at += 4;
                } else {
                    int plain = LETTERS.indexOf(text[at]);
                    read.append(plain < 0 ? '/' : ESCAPED.charAt(plain));
                }
                begun = at + 1;
            }
        }
        return read.append(new String(text, begun, to - 1 - begun, UTF_8)).toString();
    }

    static boolean hasEscape(byte[] text, int from, int to) {
        for (int at = from; at < to; at++) {
            if (text[at] == '\\') {
                return true;
            }
        }
        return false;
    }

    static void write(ByteArrayOutputStream out, String text) {
        out.write('"');
        for (byte here : text.getBytes(UTF_8)) {
            int letter = ESCAPED.indexOf(here);
            if (letter >= 0) {
                out.write('\\');
                out.write(LETTERS.charAt(letter));
            } else if (here >= 0 && here < ' ') {
                out.writeBytes("\\u00".getBytes(UTF_8));
                out.write(HEXADECIMAL[here >> 4]);
                out.write(HEXADECIMAL[here & 15]);
            } else {
                out.write(here);
            }
        }
        out.write('"');
    }

    /** Where the first sequence begins that is no UTF-8; -1: everywhere it is. */
    static int notUtf8(byte[] text) {
        int at = 0;
        while (at < text.length && text[at] >= 0) {
            at++;
        }
        if (at == text.length) {
            return -1;
        }
        var decoder = UTF_8.newDecoder()
                .onMalformedInput(CodingErrorAction.REPORT)
                .onUnmappableCharacter(CodingErrorAction.REPORT);
        var from = ByteBuffer.wrap(text);
        var into = CharBuffer.allocate(4096);
        while (true) {
            var result = decoder.decode(from, into, true);
            if (result.isError()) {
                return from.position();
            }
            if (result.isUnderflow()) {
                return -1;
            }
            into.clear();
        }
    }
}
