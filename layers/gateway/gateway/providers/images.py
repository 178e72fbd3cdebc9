"""Images that customers name by web address, fetched for providers that take only their bytes."""

import base64
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import Any

from gateway.deadline import Deadline
from gateway.errors import GatewayError, InvalidRequest, UpstreamTimeout
from gateway.providers.web import INTERNET, Network, Unfetchable, get
from gateway.schemas import ChatCompletionRequest

MEGABYTE = 1024 * 1024
MAX_IMAGE_BYTES = 5 * MEGABYTE
MAX_BYTES = 15 * MEGABYTE
"""Of all images of a request together: what is sent on is a third larger, and providers take some 20 MB."""
MAX_IMAGES = 20
SECONDS = 10.0
AT_ONCE = 4

SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}


def media_type(data: bytes) -> str | None:
    """An image's media type by its own first bytes; None if it is none that models see."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for signature, kind in SIGNATURES.items() if data.startswith(signature)), None)


def inlined(
    request: ChatCompletionRequest, deadline: Deadline, which: Callable[[str], bool], network: Network = INTERNET
) -> ChatCompletionRequest:
    """The request with data URLs in place of web addresses of images; itself if there are none to be fetched.

    Args:
        which: whether the image at a web address is to be fetched.
    Raises:
        InvalidRequest: an image cannot be fetched, or is none; `param` names the field.
        UpstreamTimeout: the request's deadline passed.
    """
    body = request.wire()
    places = _places(body, which)
    if not places:
        return request
    fetched = _fetched(places, deadline, network)
    messages = [_with_data(message, fetched) for message in body["messages"]]
    return ChatCompletionRequest.model_validate(body | {"messages": messages})


def _places(body: Mapping[str, Any], which: Callable[[str], bool]) -> dict[str, str]:
    """The addresses to fetch, each with the field where it comes first."""
    places: dict[str, str] = {}
    for place, url in _images(body):
        if url in places or url[:5].lower() == "data:" or not which(url):
            continue
        if len(places) == MAX_IMAGES:
            raise _refusal(place, f"a request may name {MAX_IMAGES} web addresses of images; send data URLs.")
        places[url] = place
    return places


def _images(body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for index, message in enumerate(body["messages"]):
        for position, part in enumerate(_parts(message)):
            if part["type"] == "image_url":
                yield f"messages[{index}].content[{position}].image_url.url", part["image_url"]["url"]


def _parts(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    content = message.get("content")
    return content if isinstance(content, list) else []


def _with_data(message: dict[str, Any], fetched: Mapping[str, str]) -> dict[str, Any]:
    """A copy of the message that has the images; the request may yet go to who fetches them itself."""
    parts = [_part_with_data(part, fetched) for part in _parts(message)]
    return message | {"content": parts} if parts else message


def _part_with_data(part: dict[str, Any], fetched: Mapping[str, str]) -> dict[str, Any]:
    if part["type"] != "image_url" or part["image_url"]["url"] not in fetched:
        return part
    return part | {"image_url": part["image_url"] | {"url": fetched[part["image_url"]["url"]]}}


def _fetched(places: Mapping[str, str], deadline: Deadline, network: Network) -> dict[str, str]:
    """Data URLs by the addresses of their images; a few are fetched at once."""
    soon = deadline.within(SECONDS)
    left = soon.remaining()
    room = _Room(MAX_BYTES, f"the images at web addresses are larger than {MAX_BYTES // MEGABYTE} MB together.")
    threads = ThreadPoolExecutor(AT_ONCE, "image")
    tasks = {url: threads.submit(_data_url, url, room, soon, network) for url in places}
    done = wait(tasks.values(), left, return_when=FIRST_EXCEPTION).done
    room.close()
    threads.shutdown(wait=False, cancel_futures=True)
    fetched: dict[str, str] = {}
    for url in sorted(places, key=lambda url: tasks[url] not in done):  # failures say more than what they cut short
        try:
            fetched[url] = _result(tasks[url], done)
        except Unfetchable as error:
            raise _refusal(places[url], str(error)) from None
        except (TimeoutError, UpstreamTimeout):
            raise _too_late(places[url], soon, deadline) from None
    return fetched


def _result(task: "Future[str]", done: "set[Future[str]]") -> str:
    if task not in done:
        raise TimeoutError
    return task.result()


def _too_late(place: str, soon: Deadline, deadline: Deadline) -> GatewayError:
    if soon.at < deadline.at:
        return _refusal(place, f"the images could not be fetched within {SECONDS:g} s.")
    return UpstreamTimeout("The request's deadline passed before its images had been fetched.")


def _refusal(place: str, why: str) -> InvalidRequest:
    return InvalidRequest(f"{place}: {why}", param=place)


def _data_url(url: str, room: "_Room", deadline: Deadline, network: Network) -> str:
    mine = _Room(MAX_IMAGE_BYTES, f"the image is larger than {MAX_IMAGE_BYTES // MEGABYTE} MB.", room)
    data = get(url, mine.take, deadline, network)
    kind = media_type(data)
    if kind is None:
        raise Unfetchable("is not a PNG, JPEG, GIF or WebP image.")
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


class _Room:
    """How many bytes may still come. Shared by threads, and part of a larger room if there is one."""

    def __init__(self, size: int, why: str, within: "_Room | None" = None) -> None:
        self._left, self._why, self._within = size, why, within
        self._lock = threading.Lock()

    def take(self, size: int) -> None:
        """Count bytes that have come.

        Raises:
            Unfetchable: they are too many.
        """
        with self._lock:
            self._left -= size
            if self._left < 0:
                raise Unfetchable(self._why)
        if self._within:
            self._within.take(size)

    def close(self) -> None:
        """Let nothing more in: what nobody waits for any longer ends with its next bytes."""
        with self._lock:
            self._left = 0
