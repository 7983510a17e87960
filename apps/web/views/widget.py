"""A demo of the widget: a shop that is none, with the chat in its corner."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from apps.conversations import selectors
from apps.conversations.exceptions import UnknownWidget
from apps.conversations.selectors import WidgetView
from apps.tenants.authentication import TENANT_SESSION_KEY, membership_of
from apps.tenants.models import Membership, User
from apps.tenants.selectors import memberships_of
from apps.web.views.pages import page


@require_GET
@page
def demo(request: HttpRequest) -> HttpResponse:
    """Anyone may see it, as anyone may see a shop; `?key=` names another widget than the first."""
    user = request.user if isinstance(request.user, User) else None
    membership = membership_of(user, request.session.get(TENANT_SESSION_KEY)) if user else None
    widget = _widget(request.GET.get("key", ""), membership)
    context = {
        "section": "widget",
        "membership": membership,
        "memberships": memberships_of(user) if user else [],
        "widget": widget,
        "desk": reverse("web:desk"),
        "server": request.build_absolute_uri("/").rstrip("/"),
    }
    return render(request, "web/widget.html", context)


def _widget(key: str, membership: Membership | None) -> WidgetView | None:
    if key:
        try:
            return selectors.widget_of_key(key)
        except UnknownWidget:
            return None
    if membership is not None:
        own = [one for one in selectors.widgets_of(membership.tenant_id) if one.is_active]
        return own[0] if own else None
    return selectors.only_widget()
