"""A small HTTP server, for the registries that a benchmark makes up."""
import asyncio


async def run(port, respond, connecting=0):
    """Serves until the process ends. Each connection takes so many seconds to begin.

    respond(method, path) is awaited for each request, and returns the status line's end, such as "200 OK", the headers and the body.
    """
    async def serve(reader, writer):
        try:
            await asyncio.sleep(connecting)
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                method, path = head.split(b"\r\n", 1)[0].decode().split(" ")[:2]
                status, headers, body = await respond(method, path)
                lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
                writer.write("\r\n".join(lines).encode() + (b"" if method == "HEAD" else body))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()
