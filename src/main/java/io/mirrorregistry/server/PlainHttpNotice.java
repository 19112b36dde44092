package io.mirrorregistry.server;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandler.Sharable;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.net.InetSocketAddress;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Looks at the first byte of a connection to a port that speaks TLS. For plain http the log gets a line with the client's address, at most one a
 * minute; the handshake then fails, and the connection ends. One for all connections of a port, which run on one event loop.
 */
@Sharable
final class PlainHttpNotice extends ChannelInboundHandlerAdapter {

    private static final Logger LOG = LoggerFactory.getLogger(PlainHttpNotice.class);
    private static final long REST_NANOS = TimeUnit.MINUTES.toNanos(1);

    private final int port;
    private long last = System.nanoTime() - REST_NANOS;
    private int unsaid;

    PlainHttpNotice(int port) {
        this.port = port;
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
        if (message instanceof ByteBuf bytes && bytes.isReadable()) {
            context.pipeline().remove(this);
            if (isHttp(bytes.getByte(bytes.readerIndex()))) {
                warn(context);
            }
        }
        context.fireChannelRead(message);
    }

    /** Returns whether this is the first letter of a method. A TLS record begins with 22, that of a handshake. */
    private static boolean isHttp(byte first) {
        return first >= 'A' && first <= 'Z' || first >= 'a' && first <= 'z';
    }

    private void warn(ChannelHandlerContext context) {
        long now = System.nanoTime();
        if (now - last < REST_NANOS) {
            unsaid++;
            return;
        }
        String remote = context.channel().remoteAddress() instanceof InetSocketAddress address ? address.getAddress().getHostAddress() : "?";
        LOG.atWarn().addKeyValue("remote", remote).log("Client {} sends plain http to port {}, which speaks TLS: it has to use https{}", remote, port,
                unsaid == 0 ? "" : "; so did " + unsaid + " connections since the last such line");
        last = now;
        unsaid = 0;
    }
}
