package io.mirrorregistry.edge;

import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.ReferenceCountUtil;
import io.vertx.core.http.HttpConnection;
import io.vertx.core.net.impl.ConnectionBase;

/**
 * Bounds the requests that wait on one connection for the answers to those before. The server reads them as fast as they come and
 * keeps them all, so that one client that takes no answers could fill the memory; clients of registries send one at a time.
 *
 * @see <a href="https://www.rfc-editor.org/rfc/rfc9112#section-9.3.2">RFC 9112, Pipelining</a>
 */
final class Pipelining extends ChannelDuplexHandler {

    private final int most;
    private int unanswered;
    private boolean over;

    private Pipelining(int most) {
        this.most = most;
    }

    /** Bounds those of a connection, which is closed when there are more. */
    static void bound(HttpConnection connection, int most) {
        ChannelHandlerContext server = ((ConnectionBase) connection).channelHandlerContext();
        server.pipeline().addBefore(server.name(), "pipelining", new Pipelining(most));
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
        if (message instanceof HttpRequest && ++unanswered > most) {
            over = true;
            context.close();
        }
        if (over) {
            ReferenceCountUtil.release(message);
        } else {
            context.fireChannelRead(message);
        }
    }

    @Override
    public void write(ChannelHandlerContext context, Object message, ChannelPromise promise) {
        // An interim answer, such as 100, is a whole message too.
        if (message instanceof LastHttpContent && !(message instanceof HttpResponse head && head.status().code() < 200)) {
            unanswered--;
        }
        context.write(message, promise);
    }
}
