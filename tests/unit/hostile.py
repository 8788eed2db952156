"""Values that are meant to break a decoder, each with what must become of it: a reason, or LOGIN."""

LOGIN = "login"
DEEP = 100_000
LARGE = 5_000_000


def nested(levels: int) -> bytes:
    """Return a login that goes so many levels deep, the login itself included."""
    return b'{"user_id":"u","x":' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}"


def _with(field: bytes) -> bytes:
    return b'{"user_id":"u",' + field + b"}"


def _id(text: bytes) -> bytes:
    return b'{"user_id":' + text + b"}"


def _at(text: bytes) -> bytes:
    return _with(b'"timestamp":' + text)


EMOJI = "\N{ROCKET}".encode()

CASES: dict[str, tuple[bytes | None, str]] = {
    # not a value at all
    "tombstone": (None, "tombstone"),
    "nothing": (b"", "empty"),
    "blanks": (b" \t\r\n", "json"),
    # encodings
    "byte order mark": (b"\xef\xbb\xbf" + _id(b'"u"'), "encoding"),
    "utf-16": (_id(b'"u"').decode().encode("utf-16"), "encoding"),
    "utf-16 without mark": (_id(b'"u"').decode().encode("utf-16-le"), "json"),
    "latin-1 user": (_id(b'"\xe9"'), "encoding"),
    "latin-1 in an unknown field": (_with(b'"x":"\xe9"'), "encoding"),
    "latin-1 in an unknown name": (_with(b'"\xe9":1'), "encoding"),
    "latin-1 deep inside": (_with(b'"x":[{"y":["\xe9"]}]'), "encoding"),
    "overlong slash": (_with(b'"x":"\xc0\xaf"'), "encoding"),
    "encoded surrogate": (_with(b'"x":"\xed\xa0\x80"'), "encoding"),
    "beyond unicode": (_with(b'"x":"\xf4\x90\x80\x80"'), "encoding"),
    "cut character": (_with(b'"x":"\xf0\x9f\x9a"'), "encoding"),
    "high surrogate alone": (_id(rb'"\ud83d"'), "encoding"),
    "low surrogate alone": (_id(rb'"\ude80"'), "encoding"),
    "surrogates swapped": (_id(rb'"\ude80\ud83d"'), "encoding"),
    "high surrogate twice": (_id(rb'"\ud83d\ud83d\ude80"'), "encoding"),
    "surrogate alone in an unknown field": (_with(rb'"x":["\uD800"]'), "encoding"),
    "surrogate alone in an unknown name": (_with(rb'"\udfff":1'), "encoding"),
    "surrogate alone in an inner name": (_with(rb'"x":{"\udbff":1}'), "encoding"),
    "surrogate alone in a value replaced later": (b'{"user_id":"\\ud800","user_id":"u"}', "encoding"),
    "surrogate pair": (_id(rb'"\ud83d\ude80"'), LOGIN),
    "backslash and ud800": (_id(rb'"\\ud800"'), LOGIN),
    "noncharacters": (_id('"\uffff\ufffe\U0010ffff"'.encode()), LOGIN),
    "byte order mark inside": (_id(b'"\xef\xbb\xbf"'), LOGIN),
    # broken JSON
    "truncated": (b'{"user_id":"u"', "json"),
    "trailing comma": (b'{"user_id":"u",}', "json"),
    "trailing value": (b'{"user_id":"u"} {}', "json"),
    "trailing NUL": (b'{"user_id":"u"}\x00', "json"),
    "trailing newline": (b'\r\n{"user_id":"u"}\n', LOGIN),
    "two lines": (b'{"user_id":"u"}\n{"user_id":"v"}', "json"),
    "single quotes": (b"{'user_id':'u'}", "json"),
    "name without quotes": (b'{user_id:"u"}', "json"),
    "comment": (b'{"user_id":"u"/**/}', "json"),
    "NUL in a string": (_id(b'"\x00"'), "json"),
    "newline in a string": (_with(b'"x":"\n"'), "json"),
    "escaped NUL": (_id(rb'"\u0000"'), LOGIN),
    "delete character": (_id(b'"\x7f"'), LOGIN),
    "unknown escape": (_with(rb'"x":"\x41"'), "json"),
    "short escape": (_with(rb'"x":"\u00"'), "json"),
    "form feed between": (b'{\x0c"user_id":"u"}', "json"),
    "no-break space between": ('{\u00a0"user_id":"u"}'.encode(), "json"),
    "only quotation marks": (b'"' * 10_001, "not-an-object"),
    "only backslashes": (b"\\" * 10_001, "json"),
    "only opened objects": (b'{"":' * DEEP, "nesting"),
    # not an object
    "array": (b'[{"user_id":"u"}]', "not-an-object"),
    "string": (b'"user_id"', "not-an-object"),
    "number": (b"1", "not-an-object"),
    "null": (b"null", "not-an-object"),
    "empty object": (b"{}", "user-id"),
    # nesting
    "as deep as may be": (nested(512), LOGIN),
    "too deep by one": (nested(513), "nesting"),
    "very deep": (nested(DEEP), "nesting"),
    "very deep and never closed": (_with(b'"x":' + b"[" * DEEP)[:-1], "nesting"),
    "very deep user": (_id(b"[" * DEEP + b"]" * DEEP), "nesting"),
    "very deep processed_timestamp": (_with(b'"processed_timestamp":' + b"[" * DEEP + b"]" * DEEP), "nesting"),
    "very deep array": (b"[" * DEEP, "nesting"),
    "brackets in strings": (_with(b'"x":"' + b"[{" * DEEP + b'"'), LOGIN),
    "brackets after an escaped quotation mark": (_with(b'"x":"\\"' + b"[{" * DEEP + b'\\\\"'), LOGIN),
    "too deep after an escaped backslash": (_with(rb'"y":"\\","x":' + b"[" * 512 + b"]" * 512), "nesting"),
    "too large a double after an escaped backslash": (_with(rb'"y":"\\\"\\","x":1e400'), "number"),
    "brackets after an escaped backslash": (_with(rb'"y":"\\","x":"' + b"[" * 1000 + b'"'), LOGIN),
    "wide, not deep": (_with(b'"x":[' + b"[]," * DEEP + b"{}]"), LOGIN),
    # numbers
    "NaN": (_with(b'"x":NaN'), "json"),
    "Infinity": (_with(b'"x":-Infinity'), "json"),
    "hexadecimal": (_with(b'"x":0x1F'), "json"),
    "leading zero": (_with(b'"x":01'), "json"),
    "leading plus": (_with(b'"x":+1'), "json"),
    "no digits after the point": (_with(b'"x":1.'), "json"),
    "too large a double": (_with(b'"x":1e400'), "number"),
    "too large a negative double": (_with(b'"x":[-1E+400]'), "number"),
    "too large a double, replaced later": (_with(b'"x":1e400,"x":1'), "number"),
    "too large a double in digits": (_with(b'"x":1' + b"0" * 309 + b".0"), "number"),
    "too large a processed_timestamp": (_with(b'"processed_timestamp":1e999'), "number"),
    "largest double": (_with(b'"x":1.7976931348623157e308'), LOGIN),
    "too small a double": (_with(b'"x":-1e-99999999999999999999'), LOGIN),
    "zero with a huge exponent": (_with(b'"x":0e99999999999999999999'), LOGIN),
    "large double in a string": (_with(b'"x":"1e400"'), LOGIN),
    "integer of 4,300 digits": (_with(b'"x":-' + b"9" * 4300), LOGIN),
    "integer of 4,301 digits": (_with(b'"x":' + b"9" * 4301), "number"),
    # user ids
    "no user": (b'{"userid":"u"}', "user-id"),
    "null user": (_id(b"null"), "user-id"),
    "empty user": (_id(b'""'), "user-id"),
    "true user": (_id(b"true"), "user-id"),
    "user with a fraction": (_id(b"1.0"), "user-id"),
    "user with an exponent": (_id(b"1e3"), "user-id"),
    "user in an array": (_id(b'["u"]'), "user-id"),
    "blank user": (_id(b'" "'), LOGIN),
    "user 0": (_id(b"0"), LOGIN),
    "user -0": (_id(b"-0"), LOGIN),
    "negative user": (_id(b"-7"), LOGIN),
    "256 characters": (_id(b'"' + EMOJI * 256 + b'"'), LOGIN),
    "257 characters": (_id(b'"' + EMOJI * 257 + b'"'), "user-id"),
    "256 escaped characters": (_id(b'"' + rb"\ud83d\ude80" * 256 + b'"'), LOGIN),
    "257 escaped characters": (_id(b'"' + rb"\ud83d\ude80" * 257 + b'"'), "user-id"),
    "256 digits": (_id(b"-" + b"7" * 256), LOGIN),
    "257 digits": (_id(b"7" * 257), "user-id"),
    "escaped name": (rb'{"us\u0065r_id":"u"}', LOGIN),
    "name with a NUL": (rb'{"user_id\u0000":"u"}', "user-id"),
    "user twice": (b'{"user_id":null,"user_id":"u"}', LOGIN),
    "user twice, the last one wrong": (rb'{"user_id":"u","us\u0065r_id":[]}', "user-id"),
    # the announced fields
    "version is a number": (_with(b'"app_version":2.3'), "field"),
    "version is an object": (_with(b'"app_version":{}'), "field"),
    "null fields": (_with(b'"app_version":null,"device_type":null,"ip":null,"locale":null,"device_id":null'), LOGIN),
    "ip wrong, then right": (_with(b'"ip":1,"ip":"::1"'), LOGIN),
    "ip right, then wrong": (_with(b'"ip":"::1","ip":1'), "field"),
    # time stamps
    "null timestamp": (_at(b"null"), LOGIN),
    "true timestamp": (_at(b"true"), "timestamp"),
    "timestamp in an array": (_at(b"[1694479551]"), "timestamp"),
    "empty timestamp": (_at(b'""'), "timestamp"),
    "timestamp and newline": (_at(rb'"1694479551\n"'), "timestamp"),
    "blank and timestamp": (_at(b'" 1694479551"'), "timestamp"),
    "timestamp with underscore": (_at(b'"1_694_479_551"'), "timestamp"),
    "arabic digits": (_at('"\u0661\u0662\u0663"'.encode()), "timestamp"),
    "superscript digits": (_at('"\u00b9\u00b2"'.encode()), "timestamp"),
    "exponent in a string": (_at(b'"1e9"'), "timestamp"),
    "exponent in a number": (_at(b"1694479551e0"), LOGIN),
    "gigantic timestamp": (_at(b"1e300"), "timestamp"),
    "gigantic exponent": (_at(b"1e999999999"), "number"),
    "gigantic negative exponent": (_at(b"-1e-" + b"9" * 100_000), LOGIN),
    "gigantic exponent of zero": (_at(b"0e" + b"9" * 100_000), LOGIN),
    "last millisecond": (_at(b"253402300799999"), LOGIN),
    "year 10000": (_at(b"253402300800000"), "timestamp"),
    "first millisecond": (_at(b"-62135596800"), LOGIN),
    "year 0": (_at(b"-62135596800.0001"), "timestamp"),
    "30 digits": (_at(b"9" * 30), "timestamp"),
    "4,301 digits": (_at(b"9" * 4301), "number"),
    "a million digits in a string": (_at(b'"' + b"9" * 1_000_000 + b'"'), "timestamp"),
    "a million zeros in a string": (_at(b'"' + b"0" * 1_000_000 + b'"'), LOGIN),
    "a million digits of fraction": (_at(b"1694479551." + b"9" * 1_000_000), LOGIN),
    "a million digits of a second": (_at(b'"2024-12-15T10:00:00.' + b"9" * 1_000_000 + b'Z"'), LOGIN),
    "lower-case z": (_at(b'"2024-12-15T10:00z"'), "timestamp"),
    "lower-case t": (_at(b'"2024-12-15t10:00"'), "timestamp"),
    "hour 24": (_at(b'"2024-12-15T24:00:00"'), "timestamp"),
    "second 60": (_at(b'"2016-12-31T23:59:60Z"'), "timestamp"),
    "offset with seconds": (_at(b'"2024-12-15T10:00:00+01:00:00"'), "timestamp"),
    "offset without a time": (_at(b'"2024-12-15+01:00"'), "timestamp"),
    "day of the year": (_at(b'"2024-350"'), "timestamp"),
    "minus of another kind": (_at('"2024-12-15T10:00\u221201:00"'.encode()), "timestamp"),
    "29 February in no leap year": (_at(b'"2023-02-29"'), "timestamp"),
    "year 0 in ISO 8601": (_at(b'"0000-12-31"'), "timestamp"),
    "before year 1 by its offset": (_at(b'"0001-01-01T00:00+00:01"'), "timestamp"),
    "after year 9999 by its offset": (_at(b'"9999-12-31T23:59:59-01"'), "timestamp"),
    "within year 1 by its offset": (_at(b'"0001-01-01T00:00-23:59"'), LOGIN),
    # size
    "large value": (_with(b'"x":"' + b"v" * LARGE + b'"'), LOGIN),
    "large name": (_with(b'"' + b"n" * LARGE + b'":1'), LOGIN),
    "large user": (_id(b'"' + b"u" * LARGE + b'"'), "user-id"),
    "many blanks": (_id(b" " * LARGE + b'"u"'), LOGIN),
    "many escapes": (_with(b'"x":"' + b"\\\\" * (LARGE // 2) + b'"'), LOGIN),
    "many strings": (_with(b'"x":[' + b'"",' * (LARGE // 8) + b"1]"), LOGIN),
    "many numbers": (_with(b'"x":[' + b"1e1," * (LARGE // 8) + b"1]"), LOGIN),
    "many equal names": (b'{"user_id":"u"' + b',"x":1' * (LARGE // 16) + b"}", LOGIN),
    "many digits": (_with(b'"x":0.' + b"1" * LARGE), LOGIN),
    "large value cut": (_with(b'"x":"' + b"v" * LARGE), "json"),
}
