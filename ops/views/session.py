"""Log in, log out, and the choices kept in the browser."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.views.decorators.http import require_POST

from core.http.access import EVERYBODY, open_to
from ops.preferences import CHOICES, preferences_of, remember
from ops.shell import next_url


class LogIn(LoginView):
    """The log-in page. Too many wrong passwords lock the name from this address for a while."""

    template_name = "ops/login.html"
    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(preferences=preferences_of(self.request), **kwargs)

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        request: Any = self.request
        locked = getattr(request, "axes_locked_out", False)
        # Handled here with the page that people know; the middleware would answer in plain text.
        request.axes_locked_out = False
        response = self.render_to_response(self.get_context_data(form=form, locked=locked))
        response.status_code = 429 if locked else 422
        return response


@open_to(EVERYBODY)
@require_POST
def prefer(request: HttpRequest) -> HttpResponse:
    """Keep a choice (theme, density, navigation, zone, keys, tour) and return to where it was made."""
    for name in CHOICES:
        value = request.POST.get(name)
        if value is not None and value in CHOICES[name]:
            response = HttpResponseRedirect(next_url(request, "/"))
            remember(response, name, value)
            return response
    return HttpResponseBadRequest("No such choice.")
