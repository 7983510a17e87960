"""Signing in and out."""

from typing import Any

from django.contrib.auth import views as auth
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache

from apps.tenants.addresses import address_of
from apps.web import throttling
from apps.web.views.pages import page


@method_decorator((never_cache, page), name="dispatch")
class SignIn(auth.LoginView):
    """The one way in for people; the back office sends them here, too."""

    template_name = "web/sign_in.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """The form; on to the board for someone who is signed in and wants nothing else."""
        if request.user.is_authenticated and not self.get_redirect_url():
            return redirect("web:board")
        return super().get(request, *args, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Try; 429 after ten failures of this name from this address within five minutes."""
        wait = throttling.attempt(address_of(request), request.POST.get("username", ""))
        if not wait:
            return super().post(request, *args, **kwargs)
        form = self.get_form_class()(request)  # unbound: no password is looked at
        context = self.get_context_data(form=form, wait_minutes=-(-wait // 60))
        response = self.render_to_response(context, status=429)
        response["Retry-After"] = str(wait)
        return response

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """Forget the failures of someone who knows the password."""
        throttling.succeeded(address_of(self.request), self.request.POST.get("username", ""))
        return super().form_valid(form)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Whether someone is signed in already and was sent here for want of a right."""
        context = super().get_context_data(**kwargs)
        context["refused"] = self.request.user.is_authenticated and self.get_redirect_url() != ""
        return context


class SignOut(auth.LogoutView):
    """Out, by POST only."""
