package dataprocessor;

/** JSON as RFC 8259 has it, in bytes that are UTF-8: finds where values end, and whether there are any. */
final class Json {
    static final int BAD = -1;
    static final int DEEPEST = 512;
    private static final int LONGEST_DOUBLE = 309; // digits
    private static final int LONGEST_INTEGER = 4_300;

    final byte[] text;
    boolean hasTooLargeNumber; // seen so far

    Json(byte[] text) {
        this.text = text;
    }

    int blanks(int at) {
        while (at < text.length && (text[at] == ' ' || text[at] == '\n' || text[at] == '\r' || text[at] == '\t')) {
            at++;
        }
        return at;
    }

    boolean is(int at, char wanted) {
        return at >= 0 && at < text.length && text[at] == wanted;
    }

    /** Where the value that begins here ends, or BAD. */
    int value(int at, int depth) {
        if (at >= text.length) {
            return BAD;
        }
        return switch (text[at]) {
            case '"' -> string(at);
            case '{' -> members(at, depth);
            case '[' -> items(at, depth);
            case 't' -> literal(at, "true");
            case 'f' -> literal(at, "false");
            case 'n' -> literal(at, "null");
            default -> number(at);
        };
    }

    int string(int at) {
        for (int next = at + 1; next < text.length; next++) {
            byte here = text[next];
            if (here == '"') {
                return next + 1;
            }
            if (here == '\\') {
                next = escape(next);
                if (next == BAD) {
                    return BAD;
                }
            } else if (here >= 0 && here < ' ') {
                return BAD;
            }
        }
        return BAD;
    }

    private int escape(int at) {
        if (at + 1 >= text.length) {
            return BAD;
        }
        if (text[at + 1] != 'u') {
            return "\"\\/bfnrt".indexOf(text[at + 1]) >= 0 ? at + 1 : BAD;
        }
        int unit = unit(at + 2);
        if (unit < 0 || Character.isLowSurrogate((char) unit)) {
            return BAD;
        }
        if (!Character.isHighSurrogate((char) unit)) {
            return at + 5;
        }
        boolean isPair = is(at + 6, '\\') && is(at + 7, 'u') && unit(at + 8) >= 0
                && Character.isLowSurrogate((char) unit(at + 8));
        return isPair ? at + 11 : BAD;
    }

    /** The UTF-16 unit of four hexadecimal digits, or BAD. */
    int unit(int at) {
        int unit = 0;
        for (int next = at; next < at + 4; next++) {
            int digit = next < text.length && text[next] >= 0 ? Character.digit(text[next], 16) : BAD;
            if (digit < 0) {
                return BAD;
            }
            unit = unit << 4 | digit;
        }
        return unit;
    }


    private int literal(int at, String wanted) {
        for (int next = 0; next < wanted.length(); next++) {
            if (!is(at + next, wanted.charAt(next))) {
                return BAD;
            }
        }
        return at + wanted.length();
    }

    private int members(int at, int depth) {
        int next = blanks(at + 1);
        if (depth >= DEEPEST || is(next, '}')) {
            return depth >= DEEPEST ? BAD : next + 1;
        }
        while (is(next, '"')) {
            int colon = string(next);
            if (colon == BAD || !is(colon = blanks(colon), ':')) {
                return BAD;
            }
            int end = value(blanks(colon + 1), depth + 1);
            if (end == BAD) {
                return BAD;
            }
            end = blanks(end);
            if (!is(end, ',')) {
                return is(end, '}') ? end + 1 : BAD;
            }
            next = blanks(end + 1);
        }
        return BAD;
    }

    private int items(int at, int depth) {
        int next = blanks(at + 1);
        if (depth >= DEEPEST || is(next, ']')) {
            return depth >= DEEPEST ? BAD : next + 1;
        }
        while (true) {
            int end = value(next, depth + 1);
            if (end == BAD) {
                return BAD;
            }
            end = blanks(end);
            if (!is(end, ',')) {
                return is(end, ']') ? end + 1 : BAD;
            }
            next = blanks(end + 1);
        }
    }

    int number(int at) {
        int first = is(at, '-') ? at + 1 : at;
        int point = digits(first);
        if (point == first || is(first, '0') && point > first + 1) {
            return BAD;
        }
        int exponent = is(point, '.') ? digits(point + 1) : point;
        if (exponent == point + 1) {
            return BAD;
        }
        int end = exponent;
        if (is(exponent, 'e') || is(exponent, 'E')) {
            int sign = is(exponent + 1, '+') || is(exponent + 1, '-') ? exponent + 2 : exponent + 1;
            end = digits(sign);
            if (end == sign) {
                return BAD;
            }
        }
        hasTooLargeNumber |= isTooLarge(at, point - first, end == point, end, end > exponent);
        return end;
    }

    private boolean isTooLarge(int at, int whole, boolean isInteger, int end, boolean hasExponent) {
        if (isInteger || !hasExponent && end - at < LONGEST_DOUBLE) {
            return isInteger && whole > LONGEST_INTEGER;
        }
        return Double.isInfinite(Double.parseDouble(new String(text, at, end - at, java.nio.charset.StandardCharsets.ISO_8859_1)));
    }

    private int digits(int at) {
        while (at < text.length && text[at] >= '0' && text[at] <= '9') {
            at++;
        }
        return at;
    }
}
