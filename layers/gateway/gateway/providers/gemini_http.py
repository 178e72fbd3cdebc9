"""Where Google's methods are, and what opens them."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from gateway.providers.base import HttpRequest
from gateway.registry import Deployment, Endpoint


def call(method: str, body: Mapping[str, Any], deployment: Deployment, endpoint: Endpoint) -> HttpRequest:
    """A call of one of a model's methods, such as "generateContent"; the key is no part of the address, which is logged."""
    base_url, model = endpoint.base_url.removesuffix("/v1beta"), quote(deployment.model, safe="")
    headers = {"x-goog-api-key": endpoint.api_key} if endpoint.api_key else {}
    return HttpRequest(f"{base_url}/v1beta/models/{model}:{method}", headers, body)
