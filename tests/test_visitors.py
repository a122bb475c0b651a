"""The visitors that measure the app under load see what a browser sees."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from visitors import Crowd


def test_each_visitors_click_is_answered_with_its_own_point(address):
    async def visit():
        crowd = Crowd(address)
        opened = await crowd.grow(3)
        clicked = await crowd.click(2, 0.5)  # raises where the server shows another point than the one clicked
        await crowd.leave()
        return opened, clicked

    with ThreadPoolExecutor(1) as aside:  # a browser that other tests have opened keeps a loop running in this thread
        opened, clicked = aside.submit(asyncio.run, visit()).result()
    assert len(opened) == 3
    assert len(clicked) == 6
    assert max(answer.sent for answer in clicked) < 50_000 < 2_000_000 < min(answer.sent for answer in opened)
    assert all(answer.seconds > 0 for answer in clicked)
