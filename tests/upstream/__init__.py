"""A scripted provider: an HTTP server that speaks a provider's protocol and fails on demand.

transport  sockets and threads; performs actions, knows nothing of HTTP's meaning
delivery   an Answer and its faults -> actions (send, pause, stall, hang up)
messages   Recorded (what arrived) and Answer (what goes back), plain data
reply      Reply: what a test scripts, an Answer with edits and faults
server     Upstream: the queue of replies, the record of requests
control    /_control/*: the same, by HTTP, for tests in other processes
openai_api what OpenAI would have answered; anthropic_api, bedrock_api and gemini_api what these would
"""

from tests.upstream.messages import Answer, Recorded
from tests.upstream.reply import Reply
from tests.upstream.server import Upstream

__all__ = ["Answer", "Recorded", "Reply", "Upstream"]
