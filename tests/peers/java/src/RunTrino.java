package io.trino.server;

/** The server that {@code trino-server-main} would start; that artifact is not published for every version. */
public final class RunTrino {
    private RunTrino() {}

    public static void main(String[] arguments) {
        new Server().start(arguments[0]);
    }
}
