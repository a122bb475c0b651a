"""Visitors without a browser: what pages send to the server and wait for, many at a time.

For `measure_app.py`, `soak.py` and the tests of the server. A visitor opens a page on a websocket as a browser does and
changes its widgets: the message that a change sends has the new state of the widget, and makes the server draw that
part of the page anew. Messages and websockets are those that Streamlit itself uses.
"""

import asyncio
import contextlib
import io
import json
import time
import urllib.request
from http.client import HTTPConnection
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.NewSession_pb2 import NewSession
from streamlit.proto.WidgetStates_pb2 import WidgetState

BRIDGE = "bridge_maps_left"  # the component that tells of a click
SUCCESSFUL = {ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY}


class Answer(NamedTuple):
    """How long the server took, and how much it sent."""

    seconds: float
    sent: int  # bytes


class Widget(NamedTuple):
    """What a page lets a visitor change."""

    id: str
    fragment: str  # the part of the page that is drawn anew for it, "" for all
    element: Any  # as the server describes it


class Visitor:
    """One open page."""

    def __init__(self, socket: websockets.ClientConnection, address: str) -> None:
        self.socket, self.address = socket, address
        self.widgets: dict[str, Widget] = {}  # by their keys
        self.pinned: tuple[float, float] | None = None  # on the left map
        self.picks = 0
        self.page = ""
        self.session: NewSession | None = None  # what the server said of the page as a whole
        self.told: list[Any] = []  # the elements of the last answer

    async def open(self, page: str = "", query: str = "") -> Answer:
        """Have a whole page drawn, the start page of a server that has just started in two runs."""
        self.page = page
        message, start = BackMsg(), time.perf_counter()
        message.rerun_script.page_name, message.rerun_script.query_string = page, query
        sent = (await self._run(message, start)).sent
        if not page and self.pinned is None:
            sent += (await self._run(message, start)).sent
        return Answer(time.perf_counter() - start, sent)

    async def click(self, z: tuple[float, float], due: float) -> Answer:
        """Click on the left map; the time is from when that was due, so that no wait is left out."""
        answer = await self.pick(BRIDGE, {"side": "left", "z": z}, due)
        if self.pinned != z:
            raise RuntimeError(f"the server shows {self.pinned} where {z} was clicked")
        return answer

    async def pick(self, key: str, pick: dict[str, Any], due: float | None = None) -> Answer:
        """Let a component of the page tell what was done in the browser."""
        self.picks += 1
        return await self.change(key, due, json_value=json.dumps({"picks": [[self.picks, pick]]}))

    async def change(self, key: str, due: float | None = None, **value: Any) -> Answer:
        """Give a widget of the page another value, named as in `WidgetState`."""
        widget, message = self.widgets[key], BackMsg()
        message.rerun_script.page_name, message.rerun_script.fragment_id = self.page, widget.fragment
        message.rerun_script.widget_states.widgets.append(WidgetState(id=widget.id, **value))
        return await self._run(message, time.perf_counter() if due is None else due)

    async def upload(self, key: str, name: str, content: bytes) -> Answer:
        """Give a file to an uploader of the page; raises RuntimeError where the server refuses it."""
        urls = await self.upload_urls(name)
        status = await asyncio.to_thread(put, self.address, urls.upload_url, name, content)
        if status != 204:
            raise RuntimeError(f"the server answered {status} to {name}")
        state = WidgetState()
        file = state.file_uploader_state_value.uploaded_file_info.add(name=name, size=len(content))
        file.file_id = urls.file_id
        file.file_urls.CopyFrom(urls)
        return await self.change(key, file_uploader_state_value=state.file_uploader_state_value)

    async def upload_urls(self, name: str) -> Any:
        """Where the server wants a file of that name."""
        message = BackMsg()
        message.file_urls_request.file_names.append(name)
        await self.socket.send(message.SerializeToString())
        async for answer in self.socket:
            forward = ForwardMsg.FromString(answer)
            if forward.WhichOneof("type") == "file_urls_response":
                return forward.file_urls_response.file_urls[0]
        raise RuntimeError("the server closed the connection")

    async def _run(self, message: BackMsg, start: float) -> Answer:
        await self.socket.send(message.SerializeToString())
        sent, self.told = 0, []
        async for answer in self.socket:
            sent += len(answer)
            forward = ForwardMsg.FromString(answer)
            kind = forward.WhichOneof("type")
            if kind == "new_session":
                self.session = forward.new_session
            elif kind == "delta":
                self._see(forward)
            elif kind == "script_finished" and forward.script_finished in SUCCESSFUL:
                return Answer(time.perf_counter() - start, sent)
            elif kind == "script_finished" and forward.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                raise RuntimeError(f"the server could not draw the page: {forward}")
        raise RuntimeError("the server closed the connection")

    def _see(self, forward: ForwardMsg) -> None:
        """Keep what an element of the page is."""
        new = forward.delta.new_element
        kind = new.WhichOneof("type")
        if kind is None:
            return
        element = getattr(new, kind)
        self.told.append(element)
        if kind == "exception":
            raise RuntimeError(f"the page has an exception: {element}")
        identity = getattr(element, "id", "")
        key = identity.split("-", 2)[-1]  # $$ID-<hash>-<key>
        if isinstance(identity, str) and identity:
            self.widgets[key] = Widget(identity, forward.delta.fragment_id, element)
        if key == BRIDGE:
            z = json.loads(element.json)["z"]
            self.pinned = z and tuple(z)


def put(address: str, path: str, name: str, content: bytes, chunked: bool = False) -> int:
    """Send a file to the server as a browser does, or in chunks of an unknown number; returns the status of its answer.

    A server that refuses need not hear the end of it.
    """
    with urllib.request.urlopen(f"{address}/_stcore/health") as answer:
        cookie = answer.headers["Set-Cookie"].split(";")[0]
    head = (
        f'--boundary\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
    body = b"".join([head, content, b"\r\n--boundary--\r\n"])
    headers = {"Cookie": cookie, "X-Xsrftoken": cookie.split("=", 1)[1]}
    headers["Content-Type"] = "multipart/form-data; boundary=boundary"
    headers |= {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(len(body))}
    with contextlib.closing(HTTPConnection(urlsplit(address).netloc, timeout=60)) as connection:
        with contextlib.suppress(ConnectionError):
            connection.request("PUT", path, io.BytesIO(body), headers, encode_chunked=chunked)
        return connection.getresponse().status


class Crowd:
    """Visitors of one server, all there until the crowd leaves."""

    def __init__(self, address: str) -> None:
        self.address, self.visitors, self.stack = address, [], contextlib.AsyncExitStack()

    async def come(self) -> Visitor:
        """Let one more come, who has opened no page yet."""
        settings = {"max_size": None, "ping_interval": None, "subprotocols": ["streamlit"]}
        connection = websockets.connect(stream(self.address), **settings)
        self.visitors.append(Visitor(await self.stack.enter_async_context(connection), self.address))
        return self.visitors[-1]

    async def grow(self, count: int) -> list[Answer]:
        """Let more come to the start page, one after another, until there are `count`."""
        opened = []
        while len(self.visitors) < count:
            opened.append(await (await self.come()).open())
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


def stream(address: str) -> str:
    """The websocket of a server."""
    return f"{address.replace('http', 'ws', 1)}/_stcore/stream"
