"""The widget's calls: parse, one call, render."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.conversations import selectors, services
from apps.conversations.api import serializers as common
from apps.conversations.api.widget import serializers as wire
from apps.conversations.api.widget.visitors import SiteView, VisitThrottle, origin_of, visitor_in
from apps.conversations.lifecycle import Sender
from apps.conversations.selectors import ConversationView
from apps.conversations.services import Visitor
from apps.sockets import tickets
from apps.tenants.authentication import tenant_of
from apps.tenants.forms import read_form
from apps.tenants.permissions import AdminWrites
from apps.tenants.views import POST, ApiView


def own(visitor: Visitor, conversation: UUID) -> ConversationView:
    """The visitor's conversation of this id. Raises `UnknownConversation`."""
    return selectors.visitors_conversation(
        visitor.widget.tenant_id, visitor.external_id, conversation
    )


class WidgetsView(ApiView):
    """The tenant's widgets."""

    permission_classes = (AdminWrites,)

    @extend_schema(
        responses=wire.WidgetOut(many=True), operation_id="widgets_list", summary="Widgets"
    )
    def get(self, request: Request) -> Response:
        """All of them; there are few."""
        found = [wire.widget_out(one) for one in selectors.widgets_of(tenant_of(request).pk)]
        return Response({"results": found, "next": None})

    @extend_schema(
        request=wire.WidgetIn, responses={201: wire.WidgetOut}, summary="Make a widget for a site"
    )
    def post(self, request: Request) -> Response:
        """201 with its public key."""
        made = services.create_widget(
            tenant_of(request).pk, **read_form(wire.WidgetIn, request.data)
        )
        return Response(wire.widget_out(made), status=201)


class WidgetDetailView(ApiView):
    """One of the tenant's widgets."""

    permission_classes = (AdminWrites,)

    @extend_schema(
        request=wire.WidgetIn, responses=wire.WidgetOut, summary="Change a widget; its key stays"
    )
    def put(self, request: Request, widget: UUID) -> Response:
        """The widget; what the body leaves out is as for a new one."""
        terms = services.WidgetTerms(**read_form(wire.WidgetIn, request.data))
        return Response(
            wire.widget_out(services.change_widget(tenant_of(request).pk, widget, terms))
        )


class WidgetKeyView(ApiView):
    """A widget's key."""

    permission_classes = (AdminWrites,)
    bodiless = POST

    @extend_schema(
        request=None, responses=wire.WidgetOut, summary="Another key; the former works no more"
    )
    def post(self, request: Request, widget: UUID) -> Response:
        """The widget with its new key."""
        return Response(wire.widget_out(services.renew_key(tenant_of(request).pk, widget)))


class LookView(SiteView):
    """What a page shows before anybody speaks."""

    query = wire.LookQuery
    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()

    @extend_schema(
        responses=wire.LookOut, auth=[],
        summary="A widget's looks, and whether anybody is there",
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """As public as the key. 404 where it was switched off."""
        view = selectors.widget_of_key(self.asked["key"])
        return Response(wire.look_out(view, selectors.hours_now(view.tenant_id)))


class SessionView(SiteView):
    """A visitor comes, or comes back."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = (VisitThrottle,)

    @extend_schema(
        request=wire.SessionIn,
        responses=wire.SessionOut,
        auth=[],
        summary="Let a visitor of a site in: a widget's public key for a token of their own",
    )
    def post(self, request: Request) -> Response:
        """The visitor's token, and their conversation if there is one; 429 after too many visits."""
        terms = read_form(wire.SessionIn, request.data)
        origin, is_ours = origin_of(request)
        visit = services.welcome_visitor(
            terms["key"], token=terms.get("token", ""), origin=origin, is_ours=is_ours
        )
        return Response(wire.session_out(visit))


class BeginView(SiteView):
    """A visitor's conversation."""

    @extend_schema(
        request=wire.BeginIn,
        responses={201: wire.VisitorConversationOut, 200: wire.VisitorConversationOut},
        summary="Open the visitor's conversation; the open one, if there is one",
    )
    def post(self, request: Request) -> Response:
        """201 if it was opened, 200 if it was open."""
        opened = services.begin(visitor_in(request), **read_form(wire.BeginIn, request.data))
        status = 201 if opened.is_new else 200
        return Response(wire.visitors_out(opened.conversation), status=status)


class VisitorTicketView(SiteView):
    """A ticket for the chat socket."""

    @extend_schema(
        request=wire.ConversationAsked,
        responses={201: wire.VisitorTicketOut},
        summary="A ticket for the visitor's socket, good for this page alone",
    )
    def post(self, request: Request) -> Response:
        """503 while Redis does not answer."""
        terms = read_form(wire.ConversationAsked, request.data)
        view = own(visitor_in(request), terms["conversation"])
        origin, is_ours = origin_of(request)
        claim = tickets.Claim(
            tickets.CHAT,
            view.tenant_id,
            client=f"visitor:{view.customer_id}",
            facts={"conversation": str(view.id), "customer": str(view.customer_id)},
            origin="" if is_ours else origin,
        )
        return Response(wire.VisitorTicketOut(tickets.issue(claim)).data, status=201)


class VisitorMessagesView(SiteView):
    """The messages of a visitor's conversation."""

    query = wire.VisitorMessagesQuery

    @extend_schema(
        responses=common.MessagePageOut,
        operation_id="widget_messages_list",
        summary="Messages after a seq",
    )
    def get(self, request: Request) -> Response:
        """A page, and where the stream stands."""
        which = self.asked
        view = own(visitor_in(request), which["conversation"])
        found = selectors.messages_after(
            view.tenant_id, view.id, which["after_seq"], which["limit"]
        )
        return Response(common.messages_out(found, epoch=view.epoch, last_seq=view.last_seq))

    @extend_schema(
        request=wire.VisitorMessageIn,
        responses={201: common.MessageOut, 200: common.MessageOut},
        summary="Send a message without a socket",
    )
    def post(self, request: Request) -> Response:
        """201 if it was sent, 200 if it had been sent before."""
        terms = read_form(wire.VisitorMessageIn, request.data)
        view = own(visitor_in(request), terms.pop("conversation"))
        sent = services.send_message(
            view.tenant_id,
            view.id,
            sender=Sender.CUSTOMER.value,
            sender_id=str(view.customer_id),
            **terms,
        )
        return Response(common.message_out(sent.the_message), status=201 if sent.is_new else 200)


class VisitorContactView(SiteView):
    """How a visitor can be reached when nobody is there."""

    @extend_schema(
        request=wire.VisitorContactIn, responses={201: None}, summary="Say how you can be reached"
    )
    def post(self, request: Request) -> Response:
        """201; the one who answers reads it in a note."""
        terms = read_form(wire.VisitorContactIn, request.data)
        view = own(visitor_in(request), terms.pop("conversation"))
        services.leave_contact(view.tenant_id, view.id, **terms)
        return Response(None, status=201)


class VisitorRatingView(SiteView):
    """The visitor's rating of a conversation that has ended."""

    @extend_schema(
        request=wire.VisitorRatingIn, responses={201: None}, summary="Rate it, once for each end"
    )
    def post(self, request: Request) -> Response:
        """201; 409 where it was rated before, or goes on."""
        terms = read_form(wire.VisitorRatingIn, request.data)
        view = own(visitor_in(request), terms.pop("conversation"))
        return Response(services.rate(view.tenant_id, view.id, **terms), status=201)
