package dataprocessor;

/** Why a record is no login; the same reasons and words as processor/logins (but for the parser's own, see README.md). */
public final class Refused extends Exception {
    private static final long serialVersionUID = 1L;

    public final String reason;

    public Refused(String reason, String message) {
        super(message, null, false, false); // no stack trace: it is a verdict, and there may be millions
        this.reason = reason;
    }
}
