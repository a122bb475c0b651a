"""Visitors without a browser: what a page sends to the server and waits for, many at a time, for `measure_app.py`.

A visitor opens a page on a websocket as a browser does, and clicks on the left map: the message that a click sends has
the new state of the component that tells of it, and makes the server draw that part of the page anew. Messages and
websockets are those that Streamlit itself uses.
"""

import asyncio
import json
import time
from contextlib import AsyncExitStack
from typing import NamedTuple

import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

BRIDGE = "bridge_maps_left"  # the component that tells of a click
FINISHED = {ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY}


class Answer(NamedTuple):
    """How long the server took, and how much it sent."""

    seconds: float
    sent: int  # bytes


class Visitor:
    """One open page."""

    def __init__(self, socket: websockets.ClientConnection) -> None:
        self.socket, self.bridge, self.fragment, self.pinned, self.picks = socket, "", "", None, 0

    async def open(self) -> Answer:
        """Have the whole page drawn, which a server that has just started does in two runs."""
        message = BackMsg()
        message.rerun_script.query_string = ""
        start = time.perf_counter()
        sent = (await self._run(message, start)).sent
        if self.pinned is None:
            sent += (await self._run(message, start)).sent
        return Answer(time.perf_counter() - start, sent)

    async def click(self, z: tuple[float, float], due: float) -> Answer:
        """Click on the left map; the time is from when that was due, so that no wait is left out."""
        message = BackMsg()
        message.rerun_script.fragment_id = self.fragment
        state = message.rerun_script.widget_states.widgets.add()
        self.picks += 1
        state.id, state.json_value = self.bridge, json.dumps({"picks": [[self.picks, {"side": "left", "z": z}]]})
        answer = await self._run(message, due)
        if self.pinned != z:
            raise RuntimeError(f"the server shows {self.pinned} where {z} was clicked")
        return answer

    async def _run(self, message: BackMsg, start: float) -> Answer:
        await self.socket.send(message.SerializeToString())
        sent = 0
        async for answer in self.socket:
            sent += len(answer)
            forward = ForwardMsg.FromString(answer)
            kind = forward.WhichOneof("type")
            if kind == "delta" and BRIDGE in forward.delta.new_element.bidi_component.id:
                component = forward.delta.new_element.bidi_component
                self.bridge, self.fragment = component.id, forward.delta.fragment_id
                z = json.loads(component.json)["z"]
                self.pinned = z and tuple(z)
            elif kind == "script_finished":
                if forward.script_finished not in FINISHED:
                    raise RuntimeError(f"the server could not draw the page: {forward}")
                return Answer(time.perf_counter() - start, sent)
        raise RuntimeError("the server closed the connection")


class Crowd:
    """Visitors of one server, all there until the crowd leaves."""

    def __init__(self, address: str) -> None:
        self.uri, self.visitors, self.stack = f"{address.replace('http', 'ws', 1)}/_stcore/stream", [], AsyncExitStack()

    async def grow(self, count: int) -> list[Answer]:
        """Let more come, one after another, until there are `count`."""
        opened = []
        while len(self.visitors) < count:
            connection = websockets.connect(self.uri, max_size=None, ping_interval=None, subprotocols=["streamlit"])
            self.visitors.append(Visitor(await self.stack.enter_async_context(connection)))
            opened.append(await self.visitors[-1].open())
        return opened

    async def click(self, clicks: int, interval_seconds: float) -> list[Answer]:
        """All click so often, each at its own moment within the interval."""
        begin = time.perf_counter() + interval_seconds

        async def one(rank: int, visitor: Visitor) -> list[Answer]:
            answers = []
            for turn in range(clicks):
                due = begin + interval_seconds * (turn + rank / len(self.visitors))
                await asyncio.sleep(due - time.perf_counter())
                z = (round(0.05 * turn + 0.001 * rank, 3), 1.0)
                answers.append(await visitor.click(z, due))
            return answers

        each = await asyncio.gather(*(one(*each) for each in enumerate(self.visitors)))
        return [answer for answers in each for answer in answers]

    async def leave(self) -> None:
        """Close all connections."""
        await self.stack.aclose()
