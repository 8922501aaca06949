"""TCP links that a test can disturb: each listens on a port of its own and passes bytes on to another port.

    links = Links()
    link = links.add(2379)          # link.port leads to port 2379
    link.cut("up")                  # what clients send is lost; "down": what the server sends; "both"
    link.stall(), link.delay(0.1)   # nothing passes for a while; everything passes later
    link.heal()

All links run in one thread. The functions may be called from any.
"""

import asyncio
import socket
import threading

READ_BYTES = 1 << 16
STEP_S = 0.005


class Link:
    def __init__(self, links, target):
        self.links, self.target = links, target
        self.listening = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.listening.setblocking(False)
        self.port = self.listening.getsockname()[1]
        self.lost, self.is_stalled, self.delay_s = set(), False, 0.0
        self.writers = set()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def cut(self, direction="both"):
        """What was sent is lost from now on, and nobody is told, as on a broken network. "close" ends the connections too."""
        self.lost = {"up", "down"} if direction in ("both", "close") else {direction}
        if direction == "close":
            self.links.loop.call_soon_threadsafe(self.close_all)

    def stall(self):
        self.is_stalled = True

    def delay(self, seconds):
        self.delay_s = seconds

    def heal(self):
        """A connection that has lost bytes cannot go on, so it ends."""
        has_lost, self.lost, self.is_stalled, self.delay_s = bool(self.lost), set(), False, 0.0
        if has_lost:
            self.links.loop.call_soon_threadsafe(self.close_all)

    def close_all(self):
        for writer in list(self.writers):
            writer.transport.abort()

    async def accept(self):
        while True:
            client, _ = await self.links.loop.sock_accept(self.listening)
            self.links.spawn(self.serve(client))

    async def serve(self, client):
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reader, writer = await asyncio.open_connection(sock=client, limit=READ_BYTES)
        self.writers.add(writer)
        try:
            while "up" in self.lost or self.is_stalled:  # a connection is made by bytes too
                await asyncio.sleep(STEP_S * 4)
            try:
                their_reader, their_writer = await asyncio.open_connection("127.0.0.1", self.target, limit=READ_BYTES)
            except OSError:
                return
            their_writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.writers.add(their_writer)
            try:
                await asyncio.gather(self.pass_on("up", reader, their_writer), self.pass_on("down", their_reader, writer))
            finally:
                self.writers.discard(their_writer)
                their_writer.transport.abort()
        except OSError:
            pass
        finally:
            self.writers.discard(writer)
            writer.transport.abort()

    async def pass_on(self, direction, reader, writer):
        while True:
            data = await reader.read(READ_BYTES)
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            while self.is_stalled and direction not in self.lost:
                await asyncio.sleep(STEP_S)
            if direction in self.lost:
                if not data:
                    return
                continue
            if not data:
                # The other direction may go on.
                if writer.can_write_eof():
                    writer.write_eof()
                return
            writer.write(data)
            await writer.drain()


class Links:
    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.tasks = set()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def spawn(self, coroutine):
        task = self.loop.create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.forget)

    def forget(self, task):
        self.tasks.discard(task)
        if not task.cancelled():
            task.exception()

    def add(self, target):
        link = Link(self, target)
        self.loop.call_soon_threadsafe(lambda: self.spawn(link.accept()))
        return link

    async def end(self):
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def close(self):
        asyncio.run_coroutine_threadsafe(self.end(), self.loop).result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()
