package dataprocessor;

import java.time.DateTimeException;
import java.time.DayOfWeek;
import java.time.LocalDate;
import java.time.temporal.TemporalAdjusters;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A login's time stamp as whole milliseconds since the epoch, UTC, rounded down: processor/logins/timestamps.py. */
final class Instants {
    private static final long FIRST = -62_135_596_800_000L;
    private static final long LAST = 253_402_300_799_999L;
    private static final long MILLISECONDS_FROM = 100_000_000_000L;
    private static final long NOT_GIVEN = -1;

    private static final Pattern NUMBER = Pattern.compile("(-?)([0-9]++)(?:\\.([0-9]++))?(?:[eE]([+-]?)([0-9]++))?");
    private static final Pattern ISO_8601 = Pattern.compile(
            "(?<year>[0-9]{4})(?:-(?<month>[0-9]{2})-(?<day>[0-9]{2})|(?<month2>[0-9]{2})(?<day2>[0-9]{2})"
                    + "|-W(?<week>[0-9]{2})(?:-(?<weekday>[1-7]))?|W(?<week2>[0-9]{2})(?<weekday2>[1-7])?)"
                    + "(?:[T ](?<hour>[01][0-9]|2[0-3])"
                    + "(?::(?<minute>[0-5][0-9])(?::(?<second>[0-5][0-9])(?:[.,](?<fraction>[0-9]++))?)?"
                    + "|(?<minute2>[0-5][0-9])(?:(?<second2>[0-5][0-9])(?:[.,](?<fraction2>[0-9]++))?)?)?"
                    + "(?:Z|(?<sign>[+-])(?<offsethour>[01][0-9]|2[0-3])(?::?(?<offsetminute>[0-5][0-9]))?)?)?");

    private Instants() {}

    static long ofRecord(long instant) throws Refused {
        if (instant == NOT_GIVEN) {
            throw refused("timestamp is missing, and the record has none of its own");
        }
        return inRange(instant);
    }

    static long ofText(String text) throws Refused {
        if (isShortNumber(text)) {
            long number = Long.parseLong(text);
            return inRange(number >= MILLISECONDS_FROM ? number : number * 1000);
        }
        Matcher number = NUMBER.matcher(text);
        if (number.matches() && number.group(5) == null) {
            return floor(number);
        }
        Matcher written = ISO_8601.matcher(text);
        if (written.matches()) {
            return ofIso8601(written);
        }
        throw refused("timestamp is neither a number of seconds or milliseconds nor ISO 8601");
    }

    static long ofJsonNumber(String text) throws Refused {
        Matcher number = NUMBER.matcher(text);
        if (!number.matches()) {
            throw refused("timestamp is neither a number nor a string");
        }
        return floor(number);
    }

    private static boolean isShortNumber(String text) {
        boolean isNumber = !text.isEmpty() && text.length() <= 15;
        for (int at = 0; isNumber && at < text.length(); at++) {
            isNumber = text.charAt(at) >= '0' && text.charAt(at) <= '9';
        }
        return isNumber;
    }

    private static long floor(Matcher number) throws Refused {
        String fraction = or(number.group(3), "");
        String digits = withoutZeros(number.group(2) + fraction);
        if (digits.isEmpty()) {
            return 0;
        }
        long point = digits.length() - fraction.length() + exponent(or(number.group(4), ""), or(number.group(5), ""));
        if (point <= 11) {
            point += 3;
        }
        if (point > 15) {
            return inRange(LAST + 1);
        }
        int kept = (int) Math.max(point, 0);
        String whole = (digits + "0".repeat(kept)).substring(0, kept);
        long instant = whole.isEmpty() ? 0 : Long.parseLong(whole);
        if (number.group(1).isEmpty()) {
            return inRange(instant);
        }
        boolean hasRest = kept < digits.length() && !withoutZeros(digits.substring(kept)).isEmpty();
        return inRange(-instant - (hasRest ? 1 : 0));
    }

    private static long exponent(String sign, String digits) {
        String significant = withoutZeros(digits);
        long size = 1_000_000_000_000L;
        if (significant.length() <= 12) {
            size = significant.isEmpty() ? 0 : Long.parseLong(significant);
        }
        return sign.equals("-") ? -size : size;
    }

    private static String withoutZeros(String digits) {
        int at = 0;
        while (at < digits.length() && digits.charAt(at) == '0') {
            at++;
        }
        return digits.substring(at);
    }

    private static long ofIso8601(Matcher text) throws Refused {
        long minutes = number(text, "hour", 0) * 60 + number(text, "minute", number(text, "minute2", 0));
        long offset = number(text, "offsethour", 0) * 60 + number(text, "offsetminute", 0);
        minutes += "-".equals(text.group("sign")) ? offset : -offset;
        long seconds = date(text).toEpochDay() * 86_400
                + minutes * 60
                + number(text, "second", number(text, "second2", 0));
        String fraction = or(or(text.group("fraction"), text.group("fraction2")), "");
        String thousandths = (fraction.length() > 3 ? fraction.substring(0, 3) : fraction) + "000";
        return inRange(seconds * 1000 + Long.parseLong(thousandths.substring(0, 3)));
    }

    private static LocalDate date(Matcher text) throws Refused {
        int year = (int) number(text, "year", 0);
        try {
            int week = (int) number(text, "week", number(text, "week2", -1));
            LocalDate date = week >= 0
                    ? ofWeek(year, week, (int) number(text, "weekday", number(text, "weekday2", 1)))
                    : LocalDate.of(
                            year,
                            (int) number(text, "month", number(text, "month2", 0)),
                            (int) number(text, "day", number(text, "day2", 0)));
            if (year >= 1 && date.getYear() >= 1 && date.getYear() <= 9999) {
                return date;
            }
        } catch (DateTimeException none) {
            // said below
        }
        throw refused("timestamp has the form of ISO 8601, but there is no such date");
    }

    private static LocalDate ofWeek(int year, int week, int weekday) {
        LocalDate monday = firstMonday(year).plusWeeks(week - 1L);
        if (week < 1 || !monday.isBefore(firstMonday(year + 1))) {
            throw new DateTimeException("no such week");
        }
        return monday.plusDays(weekday - 1L);
    }

    private static LocalDate firstMonday(int year) {
        return LocalDate.of(year, 1, 4).with(TemporalAdjusters.previousOrSame(DayOfWeek.MONDAY));
    }

    private static long number(Matcher text, String part, long otherwise) {
        String found = text.group(part);
        return found == null ? otherwise : Long.parseLong(found);
    }

    private static String or(String text, String otherwise) {
        return text == null ? otherwise : text;
    }

    private static long inRange(long instant) throws Refused {
        if (instant < FIRST || instant > LAST) {
            throw refused("timestamp lies outside the years 1 to 9999");
        }
        return instant;
    }

    private static Refused refused(String message) {
        return new Refused("timestamp", message);
    }
}
