"""The floor of ingest: the same websocket library and a producer, nothing between: no look at the frame, no header,
no lease, no record of what is missing. As safe on the wire: idempotent, acknowledged by all copies.

Settings: bootstrap_servers, topic, port. Ends when told to.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading

from children import result_of_process, settings
from confluent_kafka import Producer
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from stream_reconcile.log.connection import KafkaConfig


async def run() -> None:
    given = settings()
    producer = Producer({**KafkaConfig(given["bootstrap_servers"]).producer(), "linger.ms": 0})
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            producer.poll(0.1)

    thread = threading.Thread(target=serve, name="producer")
    thread.start()
    topic, produce = given["topic"], producer.produce
    async with connect(
        f"ws://127.0.0.1:{given['port']}/stream", compression=None, ping_interval=None, max_queue=64
    ) as socket:
        ending = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
        closing = asyncio.ensure_future(ending)
        closing.add_done_callback(lambda _: asyncio.ensure_future(socket.close()))
        await socket.send("{}")
        await socket.recv(decode=False)
        await socket.send("{}")
        await socket.recv(decode=False)
        try:
            while True:
                raw = await socket.recv(decode=False)
                while True:
                    try:
                        produce(topic, raw)
                    except BufferError:
                        await asyncio.sleep(0.001)
                    else:
                        break
        except ConnectionClosed:
            pass  # the end that the parent asked for
    over.set()
    thread.join()
    producer.flush(60)
    result_of_process()


if __name__ == "__main__":
    logging.getLogger("websockets").setLevel(logging.CRITICAL)
    asyncio.run(run())
