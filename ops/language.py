"""The language of the console: what a person chose for this browser, else what the browser asks for."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.cache import patch_vary_headers

from core.http.middleware import API_PREFIX
from ops.preferences import preferences_of

_CHOSEN = {"en": "en-gb", "de": "de"}


class LanguageMiddleware:
    """Show pages in the reader's language. The API speaks English, whoever asks."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith(API_PREFIX):
            return self.get_response(request)
        chosen = preferences_of(request).language
        language = _CHOSEN.get(chosen) or translation.get_language_from_request(request)
        with translation.override(language):
            response = self.get_response(request)
        response.headers.setdefault("Content-Language", language)
        patch_vary_headers(response, ("Accept-Language",))
        return response
