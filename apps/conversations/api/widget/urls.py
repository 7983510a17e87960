"""The addresses of widgets, and of what sites' pages call."""

from django.urls import path

from apps.conversations.api.widget import files, views

urlpatterns = [
    path("widgets", views.WidgetsView.as_view(), name="widget-list"),
    path("widgets/<uuid:widget>", views.WidgetDetailView.as_view(), name="widget-detail"),
    path("widgets/<uuid:widget>/key", views.WidgetKeyView.as_view(), name="widget-key"),
    path("widget/look", views.LookView.as_view(), name="widget-look"),
    path("widget/session", views.SessionView.as_view(), name="widget-session"),
    path("widget/conversation", views.BeginView.as_view(), name="widget-conversation"),
    path("widget/ticket", views.VisitorTicketView.as_view(), name="widget-ticket"),
    path("widget/messages", views.VisitorMessagesView.as_view(), name="widget-messages"),
    path("widget/attachments", files.VisitorAttachmentsView.as_view(), name="widget-files"),
    path(
        "widget/attachments/<uuid:conversation>/<uuid:attachment>",
        files.VisitorAttachmentView.as_view(),
        name="widget-file",
    ),
    path("widget/contact", views.VisitorContactView.as_view(), name="widget-contact"),
    path("widget/rating", views.VisitorRatingView.as_view(), name="widget-rating"),
]
