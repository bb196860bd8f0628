"""Log in, log out, and the choices kept in the browser."""

from __future__ import annotations

from typing import Any

from allauth.account.views import LoginView
from allauth.mfa.base.views import AuthenticateView
from django.contrib.auth.models import User
from django.contrib.auth.views import LogoutView
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from core.http.access import EVERYBODY, open_to
from core.lockout import minutes_locked, refused
from core.people import audited, record_failure
from core.sign_in import LogInForm
from ops.preferences import CHOICES, preferences_of, remember
from ops.shell import next_url


class Plain:
    """A page outside the shell with one form: what a lock or a fault of the form answers."""

    request: Any

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Return what the page shows beside its form."""
        context: dict[str, Any] = super().get_context_data(**kwargs)  # type: ignore[misc]
        return {"preferences": preferences_of(self.request), **context}

    def refuse(self, form: Any) -> HttpResponse:
        """Show the form again with what is wrong: 429 while a lock holds, else 422."""
        locked = refused(self.request)
        shown = {
            **self.get_context_data(form=form),
            "form": form,
            "locked": locked,
            "minutes": minutes_locked(),
        }
        response: HttpResponse = self.render_to_response(shown)  # type: ignore[attr-defined]
        response.status_code = 429 if locked else 422
        return response


class LogIn(Plain, LoginView):
    """The log-in page. Too many wrong passwords lock the name from this address for a while."""

    template_name = "ops/login.html"
    form_class = LogInForm

    def form_invalid(self, form: LogInForm) -> HttpResponse:
        """Tell the log, and show the form again."""
        record_failure(self.request, "user.log_in_failed", username=self.request.POST.get("username", ""))
        return self.refuse(form)


class LogInCode(Plain, AuthenticateView):
    """The second step of a log-in: a code of the app, or a recovery code. Wrong ones lock it for a while."""

    template_name = "ops/login_code.html"

    def form_invalid(self, form: Any) -> HttpResponse:
        """Show the form again; what failed is in the log already."""
        return self.refuse(form)


log_in = open_to(EVERYBODY)(audited(LogIn.as_view()))
log_in_code = open_to(EVERYBODY)(audited(LogInCode.as_view()))
log_out = open_to(EVERYBODY)(audited(LogoutView.as_view()))


@never_cache
def admin_log_in(request: HttpRequest, extra_context: Any = None) -> HttpResponse:
    """Lead whoever comes to the admin to the one log-in page; who is no staff is told so."""
    if isinstance(request.user, User):
        if not request.user.is_staff:
            raise PermissionDenied
        return HttpResponseRedirect(reverse("admin:index"))
    wanted = {"next": request.GET.get("next") or reverse("admin:index")}
    return HttpResponseRedirect(f"{reverse('account_login')}?{urlencode(wanted)}")


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
