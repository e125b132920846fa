"""Ending what runs in the background of a process."""

import asyncio
import contextlib


async def end(task: asyncio.Task[None] | None) -> None:
    """Cancel a task, if there is one, and wait until it has ended. Raises what it failed with before."""
    if task:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
